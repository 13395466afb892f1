"""Random orders of very many examples, computed only at the places that are looked at.

Sorting 50,000 random numbers to draw 1,400 of them takes longer than some inner loops. The
swap-or-not shuffle (Hoang, Morris and Rogaway, CRYPTO 2012) is a bijection of 0 .. n - 1 for any n
that is evaluated place by place: in each round a place either stays or trades with its partner, a
coin that both share decides. It is integer arithmetic only, hence the same on every machine.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

ROUNDS = 48
"""Each round shrinks the distance to a uniform order by about 3/4; 48 leave less than 1e-5."""


def order(key: PRNGKeyArray, n: int, place: Int[Array, "*shape"]) -> Int[Array, "*shape"]:
    """A random order of 0 .. n - 1, at the given places."""
    coins = jax.random.bits(key, (ROUNDS, 2), jnp.uint32)
    return _shuffle(coins, place.astype(jnp.uint32), n).astype(jnp.int32)


def stream(
    key: PRNGKeyArray, n: int, start: int | Int[Array, ""], count: int
) -> Int[Array, " count"]:
    """Places `start` to `start + count` of an endless stream of the numbers 0 .. n - 1.

    Every pass through the n numbers shows each of them once, in an order of its own.
    """
    place = jnp.asarray(start, jnp.int32) + jnp.arange(count, dtype=jnp.int32)
    first_pass = place[0] // n
    passes = first_pass + jnp.arange(-(-(count - 1) // n) + 1, dtype=jnp.int32)
    coins = jax.vmap(
        lambda p: jax.random.bits(jax.random.fold_in(key, p), (ROUNDS, 2), jnp.uint32)
    )(passes)
    mine = jnp.moveaxis(coins, 0, -1)[:, :, place // n - first_pass]
    return _shuffle(mine, (place % n).astype(jnp.uint32), n).astype(jnp.int32)


def _shuffle(coins: Array, place: Array, n: int) -> Array:
    """The swap-or-not shuffle.

    Args:
        coins: `[ROUNDS, 2, ...]` random bits, for all places or for each; the first word of a
            round pairs the places up (p with that word - p), the second decides, together with
            the pair, who trades.
        place: `[...]`, below n.
    """
    size = jnp.uint32(n)
    coins = jnp.stack([coins[:, 0] % size, coins[:, 1]], axis=1)

    def trade(place: Array, words: Array) -> tuple[Array, None]:
        pairing, decision = words
        distance = pairing + size - place  # modulo n, but without a division for each place
        partner = jnp.where(distance >= size, distance - size, distance)
        pair = jnp.maximum(place, partner)
        return jnp.where(_coin(pair, decision), partner, place), None

    return jax.lax.scan(trade, place, coins, unroll=8)[0]


def _coin(pair: Array, salt: Array) -> Array:
    """A fair coin for each pair: the top bit of an integer hash (murmur3's finaliser)."""
    h = pair * jnp.uint32(0x9E3779B1) + salt
    h = (h ^ (h >> 16)) * jnp.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * jnp.uint32(0xC2B2AE35)
    return (h ^ (h >> 16)) >> 31 == 1
