"""The phase diagram of two-layer networks in plain NumPy: the whole idea, read top to
bottom.

A network f(x) = κ Σ_k a_k ReLU(w_k·x) of m units (the bias is the last entry of w_k, x
ends with 1) starts from standard normal a and w. All that its initialisation can differ
in are two numbers, and how they go with the width:

    κ = m^−γ: how small the output starts,      κ' = m^−γ': how much slower a is than w.

Train to the end, and compare networks of different widths: how far has w moved, RD = ‖w
− w⁰‖/‖w⁰‖?

    RD falls with m   linear      the features stay: a kernel method
    RD stays          critical    the features move as far as they are long
    RD grows with m   condensed   the features gather in a few directions

Run it: python examples/minimal.py (with a picture: python examples/minimal.py --plot)
Source: Luo, Xu, Ma and Zhang, Phase Diagram for Two-layer ReLU Neural Networks at
Infinite-width Limit, 2007.07497.
"""

# %% Four points on the line, with a 1 for the bias
import sys

import numpy as np

LINE = np.linspace(-0.5, 0.5, 4)
X = np.column_stack([LINE, np.ones(4)])
Y = LINE**2


# %% The model and its Jacobian
# For one sample ∂f/∂a_k = κ ReLU(w_k·x) and ∂f/∂w_k = κ a_k 1[w_k·x > 0] x. So S and B
# below are all that is needed: the gradient is built from them, and so are the two n×n
# matrices that say how far a and w move, and the outputs with them: f' = −G (f − y),
# where G is the empirical neural tangent kernel over n: 4×4 here, whatever the width.


def factors(a, w, x):
    """S = ReLU(x·w) and B = a·1[x·w > 0], both (sample, unit)."""
    z = x @ w.T
    return np.maximum(z, 0), a * (z > 0)


def kernels(s, b, x):
    """S Sᵀ and (B Bᵀ)∘(x xᵀ): squared lengths of moves of a and of w, as quadratic
    forms in the residuals.
    """
    return s @ s.T, (b @ b.T) * (x @ x.T)


def gram(form_a, form_w, kappa, kappa_prime):
    """G: how fast outputs move."""
    return kappa**2 / len(form_a) * (form_a / kappa_prime + kappa_prime * form_w)


# %% Gradient flow without a learning rate
# θ' = −(1/n) D Jᵀ e, e = f − y, is stiff only in the four-dimensional space of outputs.
# There we can solve it exactly as long as J stands still: e(h) = exp(−hG) e. What
# limits the step h is only how far a and w move. Taking J half a step ahead makes it
# second order.


def integral(rates, modes, h):
    """u = ∫₀ʰ exp(−tG) e dt = (1 − exp(−hG))/G e, in the eigenvectors of G."""
    return -np.expm1(-h * rates) / rates * modes


def step_length(g, e, forms, limits, target):
    """The longest h that moves neither a nor w too far, and lands neither far below the
    target nor half the loss.
    """
    rates, q = spectrum(g)
    modes, turned = q.T @ e, [q.T @ form @ q for form in forms]
    floor = max(0.8 * target, 0.5 * np.mean(e**2))

    def short(h):
        u = integral(rates, modes, h)
        near = all(
            u @ form @ u <= limit**2 for form, limit in zip(turned, limits, strict=True)
        )
        return near and np.mean((modes - rates * u) ** 2) >= floor

    h = 1 / rates[-1]
    while short(h):
        h *= 1.5
    while not short(h):
        h /= 1.1
    return h


def spectrum(g):
    """Eigenvalues, kept from zero, and eigenvectors."""
    rates, q = np.linalg.eigh(g)
    return np.maximum(rates, 1e-14 * rates[-1]), q


def flow(a, w, x, y, kappa, kappa_prime, target=1e-6, eta=0.03):
    """Gradient flow of the mean square until it is below the target; returns the final
    a and w.
    """
    n = len(x)
    scale_a, scale_w = kappa / (n * kappa_prime), kappa * kappa_prime / n

    def move(s, b, u):
        return a - scale_a * (u @ s), w - scale_w * ((b * u[:, None]).T @ x)

    while True:
        s, b = factors(a, w, x)
        e = kappa * s @ a - y
        if np.mean(e**2) < target:
            return a, w
        forms = kernels(s, b, x)
        g = gram(*forms, kappa, kappa_prime)
        limits = eta * np.linalg.norm(a) / scale_a, eta * np.linalg.norm(w) / scale_w
        h = step_length(g, e, forms, limits, target)
        rates, q = spectrum(g)
        s, b = factors(*move(s, b, q @ integral(rates, q.T @ e, h / 2)), x)
        rates, q = spectrum(gram(*kernels(s, b, x), kappa, kappa_prime))
        a, w = move(s, b, q @ integral(rates, q.T @ e, h))


# %% RD against the width
def relative_distance(width, gamma, gamma_prime, seed):
    """Train one network; how far have its input weights moved, relative to where they
    started?
    """
    rng = np.random.default_rng([seed, width])
    a, w = rng.standard_normal(width), rng.standard_normal((width, 2))
    # Doubled with opposite a: the network starts from f = 0, and its random output at
    # the start plays no part.
    a2, w2 = np.concatenate([a, -a]), np.concatenate([w, w])
    _, trained = flow(a2, w2, X, Y, width**-gamma, width**-gamma_prime)
    return np.linalg.norm(trained[:width] - w) / np.linalg.norm(w)


def slope(widths, distances):
    """S_w: the slope of log RD against log m.

    Negative is linear, zero critical, positive condensed.
    """
    return np.polyfit(np.log(widths), np.log(distances), 1)[0]


def main(arguments):
    """One row for each regime; the theory's slopes are −1/2, 0 and 3/8 (γ' = 0: γ − 1
    below 1, (γ − 1)/2 above).
    """
    widths, seeds, table = (100, 300, 1000, 3000), (0, 1), {}
    print("regime     γ      RD at m =", "".join(f"{m:>8}" for m in widths), end="")
    print("     S_w   theory")
    for name, gamma, theory in (
        ("linear", 0.5, -0.5),
        ("critical", 1.0, 0.0),
        ("condensed", 1.75, 0.375),
    ):
        rd = []
        for m in widths:
            of_seeds = [relative_distance(m, gamma, 0.0, seed) for seed in seeds]
            rd.append(np.exp(np.mean(np.log(of_seeds))))
        table[name] = rd
        numbers = "".join(f"{distance:8.3f}" for distance in rd)
        print(
            f"{name:<10} {gamma:<18.2f}{numbers} {slope(widths, rd):+9.2f} "
            f"{theory:+8.2f}"
        )
    if "--plot" in arguments:
        import matplotlib.pyplot as plt

        for name, rd in table.items():
            plt.loglog(widths, rd, "o-", label=name)
        plt.xlabel("width m")
        plt.ylabel("RD")
        plt.legend()
        plt.show()


# %% Run
if __name__ == "__main__":
    main(sys.argv[1:])
