"""Which regime is my training in?

Ask `condensery.torch.diagnose` for two starts of the same network.

A distance at one width does not tell: 0.3 may be a distance that falls with the width
(a kernel method, the features stay as at the start), stays, or grows (the units
condense). Short runs at several widths do.

Run it: python examples/which_regime.py
"""

# %% Data and model as you have them: the model as a function of its width
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from condensery.torch import UntilLoss, diagnose

WIDTHS = (64, 128, 256, 512, 1024)

images, digits = load_digits(return_X_y=True)
data = TensorDataset(
    torch.tensor(images[:200] / 16, dtype=torch.float32), torch.tensor(digits[:200])
)
loader = DataLoader(data, batch_size=50, shuffle=True)


def usual(width):
    """As PyTorch draws it: the output weights have size 1/√width."""
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def small(width):
    """The same with every parameter smaller, the more so the wider the network is."""
    model = usual(width)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8 / width)
    return model


# %% The optimiser as you have it: a function of the model
def adam(model):
    """With the rate that you use; let it depend on the width if it does in your
    training.
    """
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def descent(model):
    """Plain gradient descent."""
    return torch.optim.SGD(model.parameters(), lr=0.3)


# %% Ask
def ask(steps=400):
    """The same digits, three times; the last is stopped too early to tell."""
    rule = UntilLoss(0.1, steps=steps)
    return {
        "the usual start, Adam": diagnose(
            usual, loader, widths=WIDTHS, optimiser=adam, stop=rule
        ),
        "a small start, gradient descent": diagnose(
            small, loader, widths=WIDTHS, optimiser=descent, stop=rule
        ),
        "the usual start, stopped early": diagnose(
            usual, loader, widths=WIDTHS, optimiser=adam, stop=UntilLoss(0.1, steps=20)
        ),
    }


if __name__ == "__main__":
    for name, found in ask().items():
        print(f"--- {name}")
        print(found)
        print()
