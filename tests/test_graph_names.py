"""Networks by name: what each piece makes, and what is refused, by its piece."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurax import graphs
from blurax.errors import BluraxError
from blurax.links import After, Conv, Dense, Identity, Pool
from blurax.network import Edge, Network

IMAGE = (8, 8, 2)


def chain(*links) -> tuple[Edge, ...]:
    return tuple(Edge(l, l + 1, link) for l, link in enumerate(links))


@pytest.mark.parametrize(("name", "sizes"), [("32", (32,)), ("256-0128", (256, 128)), ("0", ())])
@pytest.mark.parametrize("inputs", [(128,), IMAGE])
def test_fully_connected_chains_read_rows(name, sizes, inputs):
    found = graphs.network(name, inputs, 10)
    assert found == Network((128, *sizes, 10))
    assert found.is_dense


@pytest.mark.parametrize(
    ("name", "groups", "links"),
    [
        ("c4", [(8, 8, 4)], [Conv(3), Dense()]),
        ("c4k5s2-c6s3v-7", [(4, 4, 4), (1, 1, 6), (7,)], None),
        (
            "c4k5s2-c6k2v-7",
            [(4, 4, 4), (3, 3, 6), (7,)],
            [Conv(5, 2), Conv(2, 1, "valid"), Dense(), Dense()],
        ),
        ("p2", [], [After(Pool(2), Dense())]),
        (
            "c4-p3-c5-g",
            [(8, 8, 4), (2, 2, 5)],
            [Conv(), After(Pool(3), Conv()), After(Pool(None), Dense())],
        ),
        ("c4-p2-g", [(8, 8, 4)], [Conv(), After(Pool(2), After(Pool(None), Dense()))]),
    ],
)
def test_pieces_in_a_row(name, groups, links):
    found = graphs.network(name, IMAGE, 3)
    assert found.groups == (IMAGE, *groups, (3,))
    assert links is None or found.edges == chain(*links)


@pytest.mark.parametrize(
    ("name", "around"),
    [
        ("c4-res(c4-c4)", Edge(1, 3, Identity(), bias=False)),
        ("c4-res(c4-c4s2)", Edge(1, 3, Conv(1, 2), bias=False)),
        ("c4-res(c4-c6)", Edge(1, 3, Conv(1), bias=False)),
        ("c4-res(c4-6)", Edge(1, 3, Dense(), bias=False)),
        ("6-res(6-6)", Edge(1, 3, Identity(), bias=False)),
        ("6-res(6-7)", Edge(1, 3, Dense(), bias=False)),
        ("c4-p2-res(c4-c4)", Edge(1, 3, Pool(2), bias=False)),
        ("c4-p2-res(c4-c5)", Edge(1, 3, After(Pool(2), Conv(1)), bias=False)),
        ("c4-res(c4-p4-c4)", Edge(1, 3, Conv(1, 4), bias=False)),
    ],
)
def test_a_block_has_an_edge_around_it(name, around):
    found = graphs.network(name, IMAGE, 3)
    assert len(found.groups) == 5
    assert [edge for edge in found.edges if edge.post == 3][1:] == [around]


def test_a_block_may_stand_several_times():
    thrice = graphs.network("6-res(6-6)x3", (4,), 3)
    assert thrice == graphs.network("6-res(6-6)-res(6-6)-res(6-6)", (4,), 3)
    assert sum(edge.link == Identity() for edge in thrice.edges) == 3


def test_neurons_may_drive_themselves():
    found = graphs.network("r6-5", IMAGE, 3)
    assert found.groups == ((128,), (6,), (5,), (3,))
    itself = Edge(1, 1, delay=1, down=False, bias=False)
    assert found.edges == (Edge(0, 1), itself, Edge(1, 2), Edge(2, 3))


def test_networks_with_a_name_of_their_own():
    lenet = graphs.network("lenet", (28, 28, 1), 10)
    assert lenet.groups == ((28, 28, 1), (28, 28, 6), (14, 14, 16), (120,), (84,), (10,))
    resnet = graphs.network("resnet8", (32, 32, 3), 10)
    assert resnet.groups[-2] == (8, 8, 64)
    convs = [edge for edge in resnet.edges if isinstance(edge.link, Conv) and edge.bias]
    assert len(convs) == 7
    around = [edge.link for edge in resnet.edges if not edge.bias]
    assert around == [Identity(), Conv(1, 2), Conv(1, 2)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, r": '' is no layer") for name in ("", "32-", "-5", "res()")),
        *(
            (name, r"is no layer; it takes 128, r32, c8")
            for name in ("a", "3.5", "32,16", "c0", "p")
        ),
        ("0-0", "'0' is no layer; .* alone 0 for no hidden layer"),
        ("lenett", "or lenet, resnet8"),
        ("c8k5s2-c16q3", r"^The network 'c8k5s2-c16q3': 'c16q3' is no layer"),
        ("4-res(4-4", r"'res\(4-4' is no layer"),
        ("res(4))", r"'res\(4\)\)' is no layer"),
        ("res(res(4))", r"'res\(4\)' is no layer"),
        ("c4-c5k9v-3", r"'c5k9v' does not fit: .* larger than its neurons \(8, 8, 4\)\.$"),
        ("c4s2-p5", r"'p5' does not fit: .* larger than its neurons \(4, 4, 4\)\.$"),
        ("c4-9-c5", r"'c5' takes images .* but neurons \(9,\) are before it"),
        ("c4-res(c4-p2)", r"ends in the pooling p2; it may follow the block"),
        ("c4-res(c4v)", r"from neurons \(8, 8, 4\) to \(6, 6, 4\), where no edge around it leads"),
        ("c4-p2-p2-res(c4)", "follows two poolings"),
        ("4-res(4)x101", "stands 101 times, and may 100 times"),
        ("-".join(["1"] * 60_000), "^A network of 60000 groups has more than 1000; take fewer"),
        ("-".join(["res(4-4)x100"] * 300), "^A network of 60000 groups has more than 1000"),
        ("9" * 5000, "of more than 10 digits"),
        ("c8k2147483648-16", "'c8k2147483648' holds 2147483648, and it takes a whole number <="),
        ("99999999999", "holds the number '99999999999' of more than 10 digits"),
        ("res(" + "()" * 60 + "(", "is no layer"),
        ("res(64)(64)", r"'res\(64\)\(64\)' is no layer"),
        ("res(res(64)-64)", r"'res\(64\)' is no layer"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_refused(name, message):
    with pytest.raises(BluraxError, match=message):
        graphs.network(name, IMAGE, 3)


def test_images_are_for_tasks_of_images():
    for name in ("c4", "p2-4", "g", "res(c4)"):
        with pytest.raises(BluraxError, match=r"takes images .* but neurons \(13,\) are before it"):
            graphs.network(name, (13,), 3)


size = st.integers(1, 40)
dense = size.map(lambda n: (str(n), Dense(), n))
conv = st.builds(
    lambda n, kernel, stride: (f"c{n}k{kernel}s{stride}", Conv(kernel, stride), n),
    size,
    st.integers(1, 9),
    st.integers(1, 4),
)


@settings(deadline=None)
@given(st.lists(conv, min_size=1, max_size=4), st.lists(dense, max_size=3))
def test_a_name_says_every_link(convolutions, rows):
    pieces = [*convolutions, *rows]
    found = graphs.network("-".join(text for text, _, _ in pieces), (9, 7, 1), 3)
    assert found.edges == chain(*(link for _, link, _ in pieces), Dense())
    assert [group[-1] for group in found.groups] == [1, *(n for _, _, n in pieces), 3]
