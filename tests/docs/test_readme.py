"""What the READMEs tell a reader to type can be typed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml

READMES = ("README.md", "README.zh-CN.md")
LANGUAGES = ("python", "sh", "text")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL
    )


@pytest.fixture
def readme(root):
    return {name: (root / name).read_text(encoding="utf-8") for name in READMES}


@pytest.mark.slow
@pytest.mark.parametrize("index", range(3))
def test_python_blocks_run(index, readme, tmp_path):
    code = blocks(readme["README.md"], "python")[index]
    if "import torch" in code:
        pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_both_languages_show_the_same_code(readme):
    english, chinese = (readme[name] for name in READMES)
    assert len(blocks(english, "python")) == 3
    assert blocks(english, "python") == blocks(chinese, "python")
    assert blocks(english, "text") == blocks(chinese, "text")
    without = [
        [
            line.partition("#")[0].rstrip()
            for block in blocks(text, "sh")
            for line in block.splitlines()
        ]
        for text in (english, chinese)
    ]
    assert without[0] == without[1]
    assert len(re.findall(r"^## ", english, flags=re.MULTILINE)) == len(
        re.findall(r"^## ", chinese, flags=re.MULTILINE)
    )


@pytest.mark.parametrize("name", READMES)
def test_shell_commands_exist(name, readme, pages, root):
    commands = set(pages.commands())
    options = {
        name: set(re.findall(r"--[a-z]+", pages.help_text((name,))))
        for name in commands
    }
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    from condensery.workbench import find

    used = re.findall(
        r"condensery ([a-z]+)((?: [^`\n#]*)?)", "\n".join(blocks(readme[name], "sh"))
    )
    used += re.findall(r"`condensery ([a-z]+)([^`]*)`", readme[name])
    assert used
    for command, rest in used:
        assert command in commands
        assert set(re.findall(r"--[a-z]+", rest)) <= options[command], rest
        if command == "run" and not rest.strip().startswith("path/"):
            experiment = find(rest.split()[0]).experiment
            assert set(re.findall(r"--set ([a-z_]+)=", rest)) <= set(
                experiment.Config.model_fields
            )
    for target in re.findall(r"`?make ([a-z]+)", readme[name]):
        assert f"\n{target}:" in makefile


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name, readme, root):
    links = [
        link
        for link in re.findall(r"\]\(([^)#]+)\)", readme[name])
        if not link.startswith("http")
    ]
    assert len(links) >= 6
    assert [link for link in links if not (root / link).exists()] == []


@pytest.mark.slow
def test_the_table_is_what_the_example_prints(readme, root):
    done = subprocess.run(
        [sys.executable, str(root / "examples" / "minimal.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    numbers = [
        [float(number) for number in re.findall(r"[-+]?\d+\.\d+", text)]
        for text in (done.stdout, blocks(readme["README.md"], "text")[0])
    ]
    assert numbers[0] == pytest.approx(
        numbers[1],
        rel=0.02,
        abs=0.011,
    )


def test_citation_file(root):
    from importlib.metadata import version

    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == version("condensery")
    assert citation["license"] == "MIT"
    assert "MIT License" in (root / "LICENSE").read_text(encoding="utf-8")
    assert f"What {citation['version']} will be" in (root / "CHANGELOG.md").read_text(
        encoding="utf-8"
    ) or (
        f"## [{citation['version']}]"
        in (root / "CHANGELOG.md").read_text(encoding="utf-8")
    )
