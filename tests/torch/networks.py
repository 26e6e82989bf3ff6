"""Networks that surgery meets: one class per trap."""

import torch
from torch import nn


class Convolutions(nn.Module):
    """Batch norm, depth-wise and grouped convolutions, and channels last before
    flattening.
    """

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(
            3,
            8,
            3,
            padding=1,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(
            8,
            8,
            3,
            padding=1,
            groups=8,
        )
        self.slope = nn.PReLU(8)
        self.grouped = nn.Conv2d(
            8,
            8,
            3,
            padding=1,
            groups=2,
        )
        self.hidden = nn.Linear(8 * 4 * 4, 16)
        self.head = nn.Linear(16, 5)
        with torch.no_grad():
            self.norm.weight.uniform_(0.5, 2)
            self.norm.bias.normal_()
            self.norm.running_mean.normal_()
            self.norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        x = self.slope(self.depthwise(torch.relu(self.norm(self.first(x)))))
        x = torch.relu(self.grouped(torch.max_pool2d(x, 2)))
        x = x.permute(0, 2, 3, 1).flatten(1)
        return self.head(torch.sigmoid(self.hidden(x)))


class Plain(nn.Module):
    """Convolution, pooling, flattening: what every pruner gets right."""

    def __init__(self):
        super().__init__()
        self.a, self.norm = (
            nn.Conv2d(
                1,
                6,
                3,
                padding=1,
            ),
            nn.BatchNorm2d(6),
        )
        self.b = nn.Conv2d(
            6,
            10,
            3,
            padding=1,
        )
        self.c, self.d = nn.Linear(10 * 16, 12), nn.Linear(12, 4)

    def forward(self, x):
        x = torch.relu(self.norm(self.a(x)))
        x = torch.max_pool2d(torch.relu(self.b(x)), 2)
        return self.d(torch.relu(self.c(torch.flatten(x, 1))))


class Residual(nn.Module):
    """A stream that three layers write to, and a concatenation."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(
            1,
            6,
            3,
            padding=1,
        )
        self.one, self.two = (
            nn.Conv2d(
                6,
                9,
                3,
                padding=1,
            ),
            nn.Conv2d(
                9,
                6,
                3,
                padding=1,
            ),
        )
        self.side = nn.Conv2d(6, 4, 1)
        self.head = nn.Linear(10, 3)

    def forward(self, x):
        stream = torch.relu(self.stem(x))
        stream = stream + self.two(torch.relu(self.one(stream)))
        both = torch.cat([stream, torch.relu(self.side(stream))], dim=1)
        return self.head(both.mean(dim=(2, 3)))


class Gated(nn.Module):
    """One layer makes a value and its gate; the halves belong together."""

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(5, 16), nn.Linear(8, 3)

    def forward(self, x):
        value, gate = self.up(x).chunk(2, dim=-1)
        return self.down(value * torch.nn.functional.silu(gate))


class Rolled(nn.Module):
    def __init__(self, dim=1):
        super().__init__()
        self.a, self.b, self.dim = nn.Linear(4, 8), nn.Linear(8, 3), dim

    def forward(self, x):
        return self.b(
            torch.roll(
                torch.relu(self.a(x)),
                1,
                dims=self.dim,
            )
        )


class SoftmaxOverUnits(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.b(torch.softmax(self.a(x), dim=1))


class Tied(nn.Module):
    """An autoencoder whose decoder is the encoder's weight."""

    def __init__(self):
        super().__init__()
        self.code = nn.Linear(6, 6)
        self.mirror = nn.Linear(6, 6)
        self.mirror.weight = self.code.weight
        self.out = nn.Linear(6, 2)

    def forward(self, x):
        return self.out(torch.relu(self.mirror(torch.relu(self.code(x)))))


class SharedModule(nn.Module):
    """One hidden layer is called for two inputs, and two layers read it."""

    def __init__(self):
        super().__init__()
        self.shared, self.left, self.right = (
            nn.Linear(4, 10),
            nn.Linear(10, 3),
            nn.Linear(10, 3),
        )

    def forward(self, x):
        return self.left(torch.relu(self.shared(x))) + self.right(
            torch.relu(self.shared(-x))
        )


class HardCoded(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = (
            nn.Conv2d(
                1,
                6,
                3,
                padding=1,
            ),
            nn.Linear(96, 3),
        )

    def forward(self, x):
        return self.b(torch.relu(self.a(x)).view(-1, 96))


class Block(nn.Module):
    """A transformer block: attention, layer norm, residual stream, feed-forward
    layer.
    """

    def __init__(self, width=16, hidden=24):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        y = self.norm1(x)
        x = (
            x
            + self.attention(
                y,
                y,
                y,
                need_weights=False,
            )[0]
        )
        return x + self.down(torch.nn.functional.gelu(self.up(self.norm2(x))))


class OneHead(nn.Module):
    """Attention with one head, written by hand or by torch's function, with a mask or
    without.
    """

    def __init__(self, how="by hand"):
        super().__init__()
        self.how = how
        self.query, self.key, self.value = (
            nn.Linear(6, 8),
            nn.Linear(6, 8),
            nn.Linear(6, 10),
        )
        self.out, self.head = nn.Linear(10, 6), nn.Linear(6, 3)

    def forward(self, x):
        q, k, v = self.query(x), self.key(x), self.value(x)
        if self.how == "by hand":
            read = torch.softmax(q @ k.transpose(-2, -1) / 8**0.5, dim=-1) @ v
        elif self.how == "over queries":  # its weights do not add up to one
            read = torch.softmax(q @ k.transpose(-2, -1) / 8**0.5, dim=-2) @ v
        else:
            mask = (
                torch.ones(
                    x.shape[1],
                    x.shape[1],
                    dtype=torch.bool,
                ).tril()
                if self.how == "with a mask"
                else None
            )
            read = nn.functional.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=mask,
            )
        return self.head(torch.tanh(self.out(read)))


class ManyHeads(nn.Module):
    """Attention by hand: projections of their own, heads by reshaping."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(8, 8) for _ in range(4))
        self.up, self.down = nn.Linear(8, 12), nn.Linear(12, 3)

    def forward(self, x):
        split = (x.shape[0], x.shape[1], 2, -1)
        q, k, v = (
            one(x).view(split).transpose(1, 2)
            for one in (self.query, self.key, self.value)
        )
        read = torch.softmax(q @ k.transpose(-2, -1) / 2.0, dim=-1) @ v
        x = x + self.out(read.transpose(1, 2).flatten(2))
        return self.down(torch.relu(self.up(x)))


class ValueDependent(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x):
        if x.sum() > 0:
            return self.a(x)
        return -self.a(x)


def copy_unit(weight, bias, source, target, factor=1.0):
    """Make row `target` the multiple of row `source`."""
    with torch.no_grad():
        weight[target] = factor * weight[source]
        if bias is not None:
            bias[target] = factor * bias[source]


def mlp(activation, width=12, inputs=4, outputs=3, **options):
    return nn.Sequential(
        nn.Linear(inputs, width), activation, nn.Linear(width, outputs, **options)
    ).double()


def outputs(model, x):
    with torch.no_grad():
        return model(x)


def difference(a, b, x):
    return float((outputs(a, x) - outputs(b, x)).abs().max())


def near_copies(net, groups, noise, seed=0):
    """Every unit a noisy multiple of the first ones."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for unit in range(groups, net[0].out_features):
            factor = 0.5 + torch.rand(1, generator=source)
            for part in (net[0].weight, net[0].bias):
                spread = noise * torch.randn(part[unit].shape, generator=source)
                part[unit] = factor * part[unit % groups] * (1 + spread)
        net[2].weight.abs_()
