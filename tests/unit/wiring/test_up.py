"""What `up.toml` says becomes commands."""

import msgspec

from bedside.wiring.up import House, parts_of


class Nowhere:
    """A workspace of which only the folder is asked."""

    def __init__(self, folder):
        self.folder = folder


def test_a_monitor_without_data_watches_what_the_model_answers(tmp_path):
    told = {"monitor": [{"model": "a"}, {"model": "b", "data": "/srv/b.csv", "every": "1 h"}]}

    _, live, compared = parts_of(msgspec.convert(told, House), Nowhere(tmp_path))

    assert live.arguments == ("monitor", "a", "--workspace", str(tmp_path))
    assert live.every == 24 * 3600
    assert compared.arguments[:4] == ("monitor", "b", "--data", "/srv/b.csv")
