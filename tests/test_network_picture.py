"""Networks drawn: the table in the terminal, the picture, and the command."""

import pytest
from matplotlib.image import imread

import blurax.cli.commands as cli
from blurax import graphs
from blurax.analysis.network_picture import draw_network
from blurax.analysis.network_words import link_name, network_table, synapses
from blurax.cli.terminal import Terminal
from blurax.errors import BluraxError
from blurax.links import After, Conv, Dense, Identity, Index, Masked, Placed, Pool
from blurax.network import Edge, Network

ALIGNMENT = Network(
    ((4, 4, 1), (2, 2, 3), (10,)),
    (Edge(0, 1, Conv(3, 2)), Edge(1, 2, down=False), Edge(1, 2, up=False, plastic=False)),
)
RECURRENT = Network((28, 64, 10), (Edge(0, 1), Edge(1, 1, delay=1), Edge(1, 2)))
BRANCH = Network(
    (4, 3, 10, 6, 2),
    (Edge(0, 1), Edge(1, 2), Edge(1, 3), Edge(3, 4), Edge(0, 4, bias=False)),
    outputs=(4, 2),
)


def rows(network: Network, capsys) -> list[str]:
    """The lines of a table, each space once."""
    Terminal(width=100).print(network_table(network))
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_table_has_a_row_for_each_edge(capsys):
    found = rows(graphs.network("c4-res(c4)-g", (8, 8, 1), 10), capsys)
    assert found[1:5] == [
        "0 8 x 8 x 1 input 64",
        "1 8 x 8 x 4 256 0 conv 3 40",
        "2 8 x 8 x 4 256 1 conv 3 148",
        "1 skip",
    ]
    assert found[-1] == "238 synapses, biases included"


def test_a_table_says_what_is_unusual(capsys):
    found = rows(ALIGNMENT, capsys)
    assert found[3:5] == ["2 10 output 10 1 dense, up only 130", "1 dense, down only, fixed 120"]
    assert found[-1] == "160 synapses, biases included, and 120 that lead down only"
    assert "1 dense, delayed 4,160" in rows(RECURRENT, capsys)
    found = rows(BRANCH, capsys)
    assert "4 2 output 1 2 3 dense 14" in found
    assert "0 dense, no bias 8" in found


@pytest.mark.parametrize(
    ("link", "name"),
    [
        (Conv(5, 2, "valid"), "conv 5/2 valid"),
        (After(Pool(None), After(Pool(3), Dense())), "pool all, pool 3, dense"),
        (After(Identity(), Conv(1)), "conv 1"),
        (Masked(0.25), "25 % of dense"),
        (Placed(Index.of([[0]])), "placed"),
    ],
)
def test_a_link_has_a_name(link, name):
    assert link_name(link) == name


@pytest.mark.parametrize("network", [ALIGNMENT, RECURRENT, BRANCH, Network((4, 5, 3))])
def test_synapses_are_those_of_the_network(network):
    assert sum(synapses(network, e) for e in network.edges if e.up) == network.synapse_count


def size(network: Network, path) -> tuple[int, int]:
    """The height and width of the picture."""
    height, width, _ = imread(draw_network(network, path / "network.png")).shape
    return height, width


def test_a_picture_has_room_for_every_edge(tmp_path):
    chain = size(Network((4, 5, 3)), tmp_path)
    around = Network((4, 5, 3), (Edge(0, 1), Edge(1, 2), Edge(0, 2)))
    assert size(around, tmp_path)[1] > chain[1]
    assert size(Network((4, 5, 6, 3)), tmp_path)[0] > chain[0]
    assert size(BRANCH, tmp_path)[1] > size(RECURRENT, tmp_path)[1]
    assert size(ALIGNMENT, tmp_path)[1] > chain[1]


def test_edges_that_do_not_pass_each_other_share_a_lane(tmp_path):
    def blocks(count):
        return graphs.network(f"res(4-4)x{count}", (4,), 3)

    assert size(blocks(1), tmp_path)[1] == size(blocks(3), tmp_path)[1]


def test_a_picture_that_no_file_holds_is_refused(tmp_path):
    with pytest.raises(BluraxError, match=r"too large for a picture: .* 66,\d+ pixels"):
        draw_network(Network((1,) * 500), tmp_path / "network.png")


@pytest.mark.usefixtures("unchecked")
def test_the_command_draws_a_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["show", "--network", "res(c4-c4)", "--task", "digits"]) == 0
    assert "conv 3" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["res_c4-c4.png"]
    assert cli.main(["show", "--network", "lenet"]) == 2
    assert "blurax show takes a genome, such as default; or --network" in capsys.readouterr().err
