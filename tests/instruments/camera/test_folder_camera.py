import pytest
from camera_kit import a_jpeg

from instruments.camera.folder import FolderCamera
from qc_daemon.clock import SystemClock
from qc_daemon.domain.errors import DeviceFault, LinkConfig


def camera_at(folder):
    return FolderCamera(folder, 1.85, SystemClock())


def greys(frames):
    return [round(float(frame.pixels.mean())) for frame in frames]


def test_images_are_served_once_each_in_name_order(tmp_path):
    for name, grey in (("b.png", 90), ("a.JPG", 60), ("c.jpeg", 120)):
        (tmp_path / name).write_bytes(a_jpeg(grey))
    (tmp_path / "notes.txt").write_text("not an image")
    with camera_at(tmp_path) as camera:
        frames = [camera.frame_after(0.0) for _ in range(3)]
        assert greys(frames) == pytest.approx([60, 90, 120], abs=2)
        with pytest.raises(DeviceFault, match=r'all 3 images have been served.*sorts after "c\.jpeg"'):
            camera.frame_after(0.0)


def test_an_image_that_is_added_later_is_served(tmp_path):
    (tmp_path / "1.jpg").write_bytes(a_jpeg(60))
    with camera_at(tmp_path) as camera:
        camera.frame_after(0.0)
        (tmp_path / "2.jpg").write_bytes(a_jpeg(200))
        assert greys([camera.frame_after(0.0)]) == pytest.approx([200], abs=2)


def test_a_frame_carries_the_files_own_bytes_its_scale_and_the_present_time(tmp_path):
    (tmp_path / "1.jpg").write_bytes(a_jpeg(60))
    before_s = SystemClock().monotonic_s()
    with camera_at(tmp_path) as camera:
        frame = camera.frame_after(before_s)
    assert frame.encoded == a_jpeg(60)
    assert frame.um_per_pixel == 1.85
    assert frame.captured_monotonic_s > before_s
    assert frame.camera.serial == str(tmp_path)


def test_files_with_the_same_bytes_count_as_repeats(tmp_path):
    for name, grey in (("1.jpg", 60), ("2.jpg", 60), ("3.jpg", 60), ("4.jpg", 61)):
        (tmp_path / name).write_bytes(a_jpeg(grey))
    with camera_at(tmp_path) as camera:
        assert [camera.frame_after(0.0).repeats for _ in range(4)] == [0, 1, 2, 0]


def test_a_bad_file_is_named_once_and_the_next_one_follows(tmp_path):
    (tmp_path / "1.jpg").write_bytes(a_jpeg()[:200])
    (tmp_path / "2.jpg").write_bytes(a_jpeg(60))
    with camera_at(tmp_path) as camera:
        with pytest.raises(DeviceFault, match=r"1\.jpg: cut off after 200 bytes"):
            camera.frame_after(0.0)
        assert greys([camera.frame_after(0.0)]) == pytest.approx([60], abs=2)


def test_a_folder_that_is_not_there_is_refused_on_entry(tmp_path):
    with (
        pytest.raises(LinkConfig, match=r"missing: no such folder; expected a folder of PNG, JPEG or TIFF"),
        camera_at(tmp_path / "missing"),
    ):
        pass


def test_a_folder_that_goes_away_is_a_fault_of_the_camera(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    with camera_at(folder) as camera:
        folder.rmdir()
        with pytest.raises(DeviceFault, match="cannot be read: No such file"):
            camera.frame_after(0.0)
