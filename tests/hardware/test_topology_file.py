"""Topology files: tables and links as operators have them, and all that can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobsim.errors import InputErrors
from jobsim.hardware.topology import Host, Machine, build
from jobsim.hardware.topology.file import read

GPU = Machine(accelerators=8, nic=50.0, domain=8)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "net.csv"
    path.write_text(text, encoding="utf-8")
    return path


def refused(tmp_path: Path, text: str) -> list[str]:
    path = write(tmp_path, text)
    with pytest.raises(InputErrors) as caught:
        read(path)
    return [str(error).removeprefix(str(path)) for error in caught.value.errors]


TABLE = """\
ip,DSW,PSW,ASW
a,G6,P8,S1
b,G6,P8,S2
c,G6,P10,S1
"""


class TestTables:
    def test_switches_from_the_rack_outwards(self, tmp_path: Path) -> None:
        wiring = read(write(tmp_path, TABLE))
        assert wiring.hosts == ("a", "b", "c")
        assert wiring.levels == ("ASW", "PSW", "DSW")
        assert wiring.paths == (("S1", "P8", "G6"), ("S2", "P8", "G6"), ("S1", "P10", "G6"))
        net = build(Host(h, p, GPU) for h, p in zip(wiring.hosts, wiring.paths, strict=True))
        assert net.levels[0].names == ("G6/P8/S1", "S2", "G6/P10/S1")

    @pytest.mark.parametrize(
        ("header", "levels"),
        [
            ("host,rack,block", ("rack", "block")),
            ("host,block,rack", ("rack", "block")),
            ("host,spine,leaf", ("leaf", "spine")),
            ("host,x,y", ("y", "x")),
            ("host,y,x", ("x", "y")),
        ],
    )
    def test_which_column_is_outside(self, tmp_path: Path, header: str, levels: tuple[str, str]) -> None:
        # By words where they are known, else the one with fewer values: the first here.
        rows = "\na,o,i1\nb,o,i2\n" if levels[0] == header.split(",")[2] else "\na,i1,o\nb,i2,o\n"
        assert read(write(tmp_path, header + rows)).levels == levels

    def test_a_bom_blank_lines_and_spaces_do_not_matter(self, tmp_path: Path) -> None:
        wiring = read(write(tmp_path, "\ufeffhost, rack\n\na , r1\n\nb,r1\n"))
        assert (wiring.hosts, wiring.levels) == (("a", "b"), ("rack",))

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (TABLE + "d,G6,P8,\n", ':5: ASW: "d" has no switch above it: it is not connected (a name)'),
            (TABLE + ",G6,P8,S1\n", ':5: ip: "" has no name (a name)'),
            (TABLE + "d,G6,P8\n", ":5: 3 cells (the header has 4 columns)"),
            (TABLE + "a,G6,P8,S3\n", ':5: host "a" comes twice (it is in line 2 too)'),
            (TABLE + "d,G6,S1,P8\n", ':5: "S1" is a PSW, and a ASW in line 2: a cycle (one tier a name)'),
            (TABLE + "S1,G6,P8,S4\n", ':5: "S1" is a ip, and a ASW in line 2: a cycle (one tier a name)'),
            ("host\na\n", ":1: one column (a host and the switches above it, or child,parent)"),
            ("host,rack,Rack\na,b,c\n", ":1: two columns have one name (a name for each tier)"),
            ("rack,host\nr,a\nr,b\n", ':1: "rack" is not the host (the first column names the host)'),
            ("host,rack\n", ": has no rows (a header such as host,rack,block and a row a host)"),
            ("", ": has no rows (a header such as host,rack,block and a row a host)"),
            ('host,rack\na,"b', ": is no CSV file: unexpected end of data"),
            ("host,rack\na,\x07\n", ':2: rack: "\x07" is no name (up to 253 printable characters)'),
        ],
    )
    def test_what_is_wrong(self, tmp_path: Path, text: str, says: str) -> None:
        assert says in refused(tmp_path, text)

    def test_all_errors_come_at_once(self, tmp_path: Path) -> None:
        assert len(refused(tmp_path, TABLE + "d,G6,P8,\ne,G6\n")) == 2

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputErrors, match=r"cannot be read: .* \(a CSV file\)"):
            read(tmp_path / "none.csv")
        (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(InputErrors, match="is not text"):
            read(tmp_path / "bytes.csv")


LINKS = """\
child,parent,gbps
a,l0,400
a,l1,400
b,l0,400
b,l1,400
c,l2,400
d,l2,400
l0,s0,200
l0,s1,200
l1,s0,200
l1,s1,200
l2,s0,400
l2,s1,400
"""


class TestLinks:
    def test_rails_and_spines_are_taken_together(self, tmp_path: Path) -> None:
        wiring = read(write(tmp_path, LINKS))
        assert wiring.hosts == ("a", "b", "c", "d")
        assert wiring.levels == ("rack", "block")
        assert wiring.paths[0] == wiring.paths[1] == ("l0+1", "s0+1")
        assert wiring.paths[2] == ("l2", "s0+1")
        # Gb/s of the links upwards, in GB/s.
        assert wiring.up == {("l0+1", "s0+1"): 100.0, ("l2", "s0+1"): 100.0}

    def test_two_islands_of_spines_below_a_core(self, tmp_path: Path) -> None:
        text = "child,parent\na,l0\nb,l1\nl0,s0\nl1,s1\ns0,c0\ns1,c0\n"
        wiring = read(write(tmp_path, text))
        assert wiring.paths == (("l0", "s0", "c0"), ("l1", "s1", "c0"))
        assert wiring.levels == ("rack", "block", "core")
        assert wiring.up == {}

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (
                "child,parent\na,l\nl,s\ns,t\nt,l\n",
                ":5: a cycle: l to s to t to l (every switch below the next)",
            ),
            ("child,parent\na,a\n", ":2: a cycle: a to a (every switch below the next)"),
            (
                "child,parent\na,l0\nb,l0\nc,l1\n",
                ":4: c, l1: not connected with the rest, such as a (one network)",
            ),
            ("child,parent\na,l\na,l\n", ":3: a to l comes twice (line 2 too)"),
            (
                "child,parent\na,l\nl,s\nb,s\n",
                ":4: b is a host, s is 2 tiers above the hosts: the link skips a tier "
                "(a link leads one tier up)",
            ),
            (
                "child,parent\na,l0\nb,l0\nb,l1\nl0,s\n",
                ":4: l1 leads to no switch above it, others of its tier do (a parent)",
            ),
            ("child,parent,gbps\na,l,fast\n", ':2: gbps: "fast" is no capacity (a number above 0)'),
            ("child,parent,gbps\na,l,0\n", ':2: gbps: "0" is no capacity (a number above 0)'),
            ("child,parent,gbps\na,l,nan\n", ':2: gbps: "nan" is no capacity (a number above 0)'),
            (
                "child,parent,rate\na,l,4\n",
                ":1: columns child, parent, rate (child, parent, and perhaps gbps)",
            ),
            (
                "child,parent\na,\n",
                ':2: parent: "a" has no switch above it: it is not connected (a name)',
            ),
        ],
    )
    def test_what_is_wrong(self, tmp_path: Path, text: str, says: str) -> None:
        assert says in refused(tmp_path, text)


def test_a_real_cluster() -> None:
    """847 hosts; racks are numbered within their pod: 1 to 8 hosts each."""
    path = Path(__file__).parents[3] / "shared/data/traces/lingjun_topo.csv"
    if not path.exists():
        pytest.skip("the file of a real cluster is not here")
    wiring = read(path)
    net = build((Host(h, p, GPU) for h, p in zip(wiring.hosts, wiring.paths, strict=True)), wiring.levels)
    assert [len(level.names) for level in net.levels] == [119, 3, 1]
    assert [level.name for level in net.levels] == ["ASW", "PSW", "DSW"]
    sizes = [int((net.levels[0].of_host == i).sum()) for i in range(119)]
    assert (len(net.hosts), min(sizes), max(sizes)) == (847, 2, 8)
