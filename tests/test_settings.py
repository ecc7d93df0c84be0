"""A workspace's settings: defaults, the lender's own names, and refusals that name the key and the mend."""

from pathlib import Path

import pytest

from dunwell.settings import SettingsError, read_settings


def workspace(folder: Path, text: str) -> Path:
    (folder / "dunwell.toml").write_text(text, encoding="utf-8")
    return folder


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    settings = read_settings(workspace(tmp_path, ""))
    assert settings.engine == "local"
    assert settings.tape_folder == tmp_path.resolve() / "tape"
    assert settings.partition_count is None
    assert settings.terms_folder == tmp_path.resolve() / "policy" / "terms"


def test_the_lenders_own_column_names_are_kept_by_table(tmp_path: Path) -> None:
    text = '[tape]\nfolder = "in"\n[tape.columns.accounts]\naccount_id = "LOAN_NO"\n'
    settings = read_settings(workspace(tmp_path, text))
    assert settings.tape_columns["accounts"]["account_id"] == "LOAN_NO"
    assert settings.tape_folder.name == "in"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[engin]\nname = 'local'", r"\[engin\].*Known"),
        ("[engine]\nnam = 'local'", "engine.nam.*Known"),
        ("[engine]\nname = 'ray'", "engine.name.*One of: local"),
        ("[engine]\npartitions = 0", "partitions.*1 or more"),
        ("[engine]\npartitions = '4'", "partitions.*whole number"),
        ("[workspace]\nactor = 'bank'", "actor.*first_party"),
        ("[tape.columns]\naccounts = 'LOAN_NO'", "tape.columns.accounts"),
        ("[tape]\nfoldr = 'x'", "tape.foldr"),
        ("not toml", "Mend the TOML"),
    ],
)
def test_a_mistake_names_the_key_and_the_mend(tmp_path: Path, text: str, names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        read_settings(workspace(tmp_path, text))


def test_no_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="dunwell init"):
        read_settings(tmp_path)
