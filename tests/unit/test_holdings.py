"""What a device is given: image folders as they are laid out, and the register of what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from agent.cli import main
from agent.errors import StateError
from agent.holdings.decodable import refuse_unreadable
from agent.holdings.image_folder import read_image_folder
from agent.holdings.register import Register
from agent.wire.holdings import WeightsHeld


def an_image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), 120).save(path)
    return path


def a_dataset(root: Path, *names: str) -> Path:
    for name in names:
        an_image(root / name)
    return root


def refusal_of(root: Path) -> StateError:
    with pytest.raises(StateError) as refused:
        read_image_folder(root)
    return refused.value


def test_classes_are_numbered_in_the_order_of_their_folders(tmp_path: Path) -> None:
    folder = read_image_folder(a_dataset(tmp_path, "n02/b.png", "n02/a.JPEG", "n01/c.png"))

    assert folder.classes == ("n01", "n02")
    assert [[file.name for file in theirs] for theirs in folder.files] == [["n01/c.png"], ["n02/a.JPEG", "n02/b.png"]]
    assert (folder.held("x").images, folder.held("x").classes) == (3, 2)


def test_images_without_folders_have_no_labels(tmp_path: Path) -> None:
    folder = read_image_folder(a_dataset(tmp_path, "a.png", "b.png"))

    assert not folder.labelled
    assert (folder.held("x").images, folder.held("x").classes) == (2, None)


def test_what_is_no_image_and_what_is_hidden_is_left_alone(tmp_path: Path) -> None:
    a_dataset(tmp_path, "cat/a.png", ".cache/b.png", "cat/.c.png")
    (tmp_path / "cat/readme.txt").write_text("cats")

    assert read_image_folder(tmp_path).held("x").images == 1


def test_a_folder_that_is_no_dataset_is_refused_with_what_would_be(tmp_path: Path) -> None:
    assert "There is no image in" in refusal_of(tmp_path).message
    assert "a folder a class" in refusal_of(tmp_path).advice
    assert "cannot be read: No such file" in refusal_of(tmp_path / "away").message
    (tmp_path / "dog").mkdir()
    assert "1 of the 2 class folders" in refusal_of(a_dataset(tmp_path, "cat/a.png")).message
    assert "dog" in refusal_of(tmp_path).message
    assert "beside its folders: loose.png" in refusal_of(a_dataset(tmp_path, "loose.png")).message


def test_truncated_images_are_refused_by_name(tmp_path: Path) -> None:
    a_dataset(tmp_path, "cat/a.png", "cat/b.png")
    whole = (tmp_path / "cat/b.png").read_bytes()
    (tmp_path / "cat/b.png").write_bytes(whole[: len(whole) * 2 // 3])
    (tmp_path / "cat/c.png").write_bytes(b"no image")
    told: list[tuple[int, int]] = []

    with pytest.raises(StateError, match=r"2 of 3 images .*cat/b.png .*cat/c.png") as refused:
        refuse_unreadable(read_image_folder(tmp_path), told=lambda *progress: told.append(progress))

    assert "then add the dataset again" in refused.value.advice
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_listing_changes_with_names_and_sizes_alone(tmp_path: Path) -> None:
    first, same, other = (tmp_path / name for name in ("first", "same", "other"))
    for root in (first, same):
        a_dataset(root, "cat/a.png")
    a_dataset(other, "cat/b.png")
    listings = [read_image_folder(root).held("x").listing_sha256 for root in (first, same, other)]

    assert listings[0] == listings[1] != listings[2]


def held(home: Path, content: bytes = b"weights", *, model: str = "vit", classes: int = 10) -> WeightsHeld:
    file = home / "given"
    file.write_bytes(content)
    return Register(home).add_weights(model, file, lambda _copy: classes)


def test_weights_are_copied_so_that_the_file_may_go(tmp_path: Path) -> None:
    given = held(tmp_path)
    (tmp_path / "given").unlink()

    assert Register(tmp_path).holdings().weights == (given,)
    assert Register(tmp_path).weights_file(given.sha256).read_bytes() == b"weights"


def test_weights_that_do_not_fit_leave_what_was_held_as_it_was(tmp_path: Path) -> None:
    given = held(tmp_path)

    def refuse(_copy: Path) -> int:
        raise StateError("They do not fit.", "Name others.")

    with pytest.raises(StateError, match="do not fit"):
        Register(tmp_path).add_weights("vit", tmp_path / "given", refuse)

    assert Register(tmp_path).holdings().weights == (given,)
    assert [file.name for file in (tmp_path / "holdings").glob("*.part")] == []


def test_new_weights_of_a_model_take_the_place_of_the_old_and_the_old_copy_goes(tmp_path: Path) -> None:
    old, new = held(tmp_path), held(tmp_path, b"better", classes=20)

    assert Register(tmp_path).holdings().weights == (new,)
    assert not Register(tmp_path).weights_file(old.sha256).exists()


def test_a_copy_stays_while_another_model_uses_the_same_file(tmp_path: Path) -> None:
    held(tmp_path, model="a")
    given = held(tmp_path, model="b")
    Register(tmp_path).remove_weights("a")

    assert Register(tmp_path).weights_file(given.sha256).exists()


def test_what_is_not_held_cannot_be_removed_and_what_is_held_is_named(tmp_path: Path) -> None:
    held(tmp_path)

    with pytest.raises(StateError, match="no weights of deit here") as refused:
        Register(tmp_path).remove_weights("deit")
    assert "vit" in refused.value.advice
    with pytest.raises(StateError, match="no dataset val here"):
        Register(tmp_path).remove_dataset("val")


def test_a_register_that_is_damaged_is_told_with_what_to_do(tmp_path: Path) -> None:
    held(tmp_path)
    (tmp_path / "holdings" / "holdings.json").write_text("{")

    with pytest.raises(StateError, match="cannot be read") as refused:
        Register(tmp_path).holdings()
    assert "Remove that file" in refused.value.advice


def test_a_dataset_is_added_listed_and_removed_by_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEPFARM_HOME", str(tmp_path / "home"))
    images = a_dataset(tmp_path / "images", "cat/a.png", "dog/b.png")

    assert main(["dataset", "add", "pets", str(images)]) == 0
    assert main(["dataset", "list"]) == 0
    assert f"pets: 2 images, 2 classes, in {images}" in capsys.readouterr().out
    assert main(["dataset", "add", "my pets", str(images)]) == 1
    assert "'my pets' is no name of a dataset" in capsys.readouterr().err
    assert main(["dataset", "remove", "pets"]) == 0
    assert main(["dataset", "list"]) == 0
    assert "No dataset." in capsys.readouterr().out
    assert main(["weights", "list"]) == 0
    assert "No weights." in capsys.readouterr().out
