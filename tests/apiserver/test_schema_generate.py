"""The table's generator, on declarations of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobsim.apiserver import schema_generate

CORE = """
type Kind string

type Sizes map[Kind]resource.Quantity

type Pod struct {
	metav1.TypeMeta `json:",inline"`
	// Standard metadata.
	metav1.ObjectMeta `json:"metadata,omitempty" protobuf:"1"`
	// +optional
	Color *Kind `json:"color"`
	Sizes Sizes `json:"sizes,omitempty"`
	// +listType=map
	// +listMapKey=name
	// +listMapKey=port
	Parts []Part `json:"parts,omitempty" patchStrategy:"merge"`
	// +required
	// +listType=set
	Words []string `json:"words,omitempty"`
	// +default="TCP"
	// +default=ref(Other)
	Blob []byte `json:"blob,omitzero"`
	hidden int
}

type Part struct {
	Name string `json:"name"`
	When metav1.Time `json:"when,omitempty,omitzero"`
}
"""
META = """
type TypeMeta struct {
	Kind string `json:"kind,omitempty"`
}

type ObjectMeta struct {
	UID types.UID `json:"uid,omitempty"`
}
"""


def test_fields_become_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package, text in (("core", CORE), ("batch", ""), ("scheduling", ""), ("policy", "")):
        (tmp_path / package / "v1").mkdir(parents=True)
        (tmp_path / package / "v1" / "types.go").write_text(text, encoding="utf-8")
    meta = tmp_path / "pkg/apis/meta/v1"
    meta.mkdir(parents=True)
    (meta / "types.go").write_text(META, encoding="utf-8")
    monkeypatch.setattr(schema_generate, "ROOTS", ("core.Pod",))
    schema_generate.main(str(tmp_path), str(tmp_path))
    table = json.loads(capsys.readouterr().out)
    assert table["named"] == {
        "core.Kind": "string",
        "core.Sizes": "map[core.Kind]Quantity",
        "types.UID": "string",
    }
    assert table["structs"]["core.Part"] == ["name string r", "when Time o z"]
    assert table["structs"]["core.Pod"] == [
        "kind string o",
        "metadata meta.ObjectMeta o",
        "color *core.Kind",
        "sizes core.Sizes o",
        "parts []core.Part o map=name,port",
        "words []string o r set",
        'blob bytes z default="TCP"',
    ]
