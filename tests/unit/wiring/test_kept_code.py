"""Machine code that was kept is taken where it can be, and is never needed."""

from bedside.wiring.kept_code import take_code


def test_what_is_kept_is_copied_to_a_folder_of_its_owner_alone(tmp_path):
    kept, target = tmp_path / "kept", tmp_path / "cache" / "numba"
    (kept / "features_1").mkdir(parents=True)
    (kept / "features_1" / "walk.nbi").write_bytes(b"index")

    take_code({"BEDSIDE_COMPILED": str(kept), "NUMBA_CACHE_DIR": str(target)})

    assert (target / "features_1" / "walk.nbi").read_bytes() == b"index"
    assert target.stat().st_mode & 0o777 == 0o700


def test_without_what_is_kept_or_where_to_nothing_happens(tmp_path):
    (tmp_path / "file").touch()

    take_code({})
    take_code({"BEDSIDE_COMPILED": str(tmp_path)})
    take_code({"BEDSIDE_COMPILED": "/nowhere", "NUMBA_CACHE_DIR": str(tmp_path / "cache")})
    take_code({"BEDSIDE_COMPILED": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "file" / "x")})

    assert not list((tmp_path / "cache").iterdir())
