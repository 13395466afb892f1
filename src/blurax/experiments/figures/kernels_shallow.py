"""Neural tangent kernels of two-layer ReLU networks in closed form: K = J Jᵀ over the examples.

Two forms of network: f(x) = Σ_k c_k σ(w_k·x), and the same with weight normalisation, of which the
kernel falls apart into what comes from turning and what from length (Dukler, Gu and Montúfar,
"Optimization theory for ReLU neural networks trained with normalization layers", ICML 2020).
All in NumPy, in the precision of what is given.
"""

import numpy as np
from jaxtyping import Float

from blurax.errors import require

Matrix = Float[np.ndarray, "n n"]


def layer_kernels(
    x: Float[np.ndarray, "n d"], w: Float[np.ndarray, "d m"], c: Float[np.ndarray, "m 1"]
) -> tuple[Matrix, Matrix]:
    """The kernels of both layers of f(x) = Σ_k c_k σ(w_k·x).

    With A_pk = 1 where neuron k is active for example p, the first layer has
    (x_p·x_q) Σ_k c_k² A_pk A_qk, the second Σ_k σ(w_k·x_p) σ(w_k·x_q).
    """
    heard = x @ w
    active = (heard > 0).astype(heard.dtype)
    said = heard * active
    return (x @ x.T) * ((active * c[:, 0] ** 2) @ active.T), said @ said.T


def smallest_singular_value(kernel: Matrix) -> float:
    """Of the Jacobian J whose J Jᵀ the kernel is; infinite if the kernel is not finite."""
    if not np.isfinite(kernel).all():
        return np.inf
    return float(np.sqrt(max(np.linalg.eigvalsh(kernel)[0], 0.0)))


def split_kernels(
    x: Float[np.ndarray, "n d"],
    v: Float[np.ndarray, "d m"],
    g: Float[np.ndarray, " m"],
    c: Float[np.ndarray, " m"],
) -> tuple[Matrix, Matrix]:
    """The kernels of a network with weight normalisation: by turning, V / α², and by length, G.

    Of f(x) = m^-½ Σ_k c_k g_k σ(v_k·x / |v_k|); under gradient flow on ½ |f - y|² the residual
    obeys d(f - y)/dt = -(V / α² + G) (f - y). With u_k = v_k / |v_k|, and x split into its part
    along u_k and the rest,

        (V / α²)_pq = 1/m Σ_k (c_k g_k / |v_k|)² (x_p·x_q - (u_k·x_p) (u_k·x_q)) A_pk A_qk,
        G_pq = 1/m Σ_k c_k² (u_k·x_p) (u_k·x_q) A_pk A_qk.

    α, the deviation of the initial v, is in |v_k| already.

    Raises:
        BluraxError: for a neuron whose v is 0, or not finite: it has no direction; for arrays whose
            shapes do not fit, and inputs that are not finite.
    """
    x, v, g, c = map(np.asarray, (x, v, g, c))
    shapes = x.shape, v.shape, g.shape, c.shape
    fit = x.ndim == v.ndim == 2 and x.shape[1:] == v.shape[:1]
    require(
        fit and g.shape == c.shape == v.shape[1:],
        f"x, v, g and c have shapes {shapes}; they take (n, d), (d, m), (m,) and (m,).",
    )
    require(bool(np.all(np.isfinite(x))), "x holds what is not finite; it takes numbers.")
    size = np.linalg.norm(v, axis=0)
    none = np.flatnonzero(~(np.isfinite(size) & (size > 0)))
    require(
        len(none) == 0,
        f"v has length {size[none[0]] if len(none) else 0} at neuron {none[:1]}; it takes vectors "
        "of a finite length above 0, which have a direction.",
    )
    along = x @ (v / size)
    active = (along > 0).astype(along.dtype)
    along = along * active
    share = (c * g / size) ** 2 / len(c)
    turning = (x @ x.T) * ((active * share) @ active.T) - (along * share) @ along.T
    return turning, (along * (c**2 / len(c))) @ along.T


def frozen_decay(
    kernel: Matrix, residual: Float[np.ndarray, " n"], rate: float, steps: int
) -> Float[np.ndarray, "times n"]:
    """The residuals of gradient descent if the kernel never changed: (I - rate K)^t r.

    Returns:
        Those after 0, 1, ... `steps` steps.
    """
    sizes, vectors = np.linalg.eigh(kernel)
    factors = (1 - rate * sizes) ** np.arange(steps + 1)[:, None]
    return (factors * (vectors.T @ residual)) @ vectors.T
