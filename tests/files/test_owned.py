"""The next process removes the folder of a killed process, but not that of a running process."""

from __future__ import annotations

import signal
import subprocess
import sys

from edge_export.files.owned import SCRATCH, owned_folder, remove_abandoned, scratch_folder

OWNER = """
import sys, time
from pathlib import Path
from edge_export.files.owned import owned_folder
with owned_folder(Path(sys.argv[1]), "work-", ".part") as folder:
    (folder / "half").write_text("written")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_it_ends_with_its_block(tmp_path):
    with owned_folder(tmp_path, "work-") as folder:
        (folder / "file").touch()
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline()
    (folder,) = tmp_path.iterdir()
    remove_abandoned(tmp_path, "work-", ".part")
    assert (folder / "half").exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert folder.exists()
    with owned_folder(tmp_path, "work-", ".part"):
        assert not folder.exists()


def test_other_folders_and_links_are_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "work-link").symlink_to(tmp_path / "mine")
    (tmp_path / "work-file").touch()
    remove_abandoned(tmp_path, "work-")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "work-file", "work-link"]


def test_a_scratch_folder_outlives_what_others_remove(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"{SCRATCH}left").mkdir()
    with scratch_folder() as folder:
        command = "import sys; from pathlib import Path; from edge_export.files.owned import SCRATCH, remove_abandoned;"
        sweep = [sys.executable, "-c", f"{command} remove_abandoned(Path(sys.argv[1]), SCRATCH)", str(tmp_path)]
        subprocess.run(sweep, check=True)
        assert list(tmp_path.iterdir()) == [folder]
