"""scripts/services: starts what is down, ends what it started, and says plainly what is wrong."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis
from services import ROOT, OwnSet, free_offset, own_set, read_env, run_script, service

PORT = 26379  # Redis: it starts at once, so most is shown with it
TOOLS = (
    *("bash", "cat", "chmod", "dirname", "find", "flock", "grep", "ls", "mkdir", "mv", "od"),
    *("readlink", "rm", "sed", "setsid", "sleep", "sort", "tail", "touch", "tr"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "the services"
    yield folder
    run_script("down", folder=folder)


@pytest.fixture
def redis() -> Iterator[OwnSet]:
    with own_set("redis") as own:
        yield own


def pid(own: OwnSet, name: str) -> int:
    return int((own.folder / f"{name}.pid").read_text().split()[0])


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_without_a_verb_it_says_how_it_is_used(folder):
    for args in ((), ("start",), ("kill",)):
        done = run_script(*args, folder=folder)
        assert done.returncode == 2
        assert "scripts/services up" in done.stderr


def test_a_mistyped_name_is_told_with_those_that_there_are(folder):
    done = run_script("up", "reddis", folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no service 'reddis'; there are shard1 shard2 redis" in done.stderr


def test_where_nothing_is_up_status_says_so_line_by_line_and_fails(folder):
    done = run_script("status", folder=folder, offset=7)
    assert done.returncode == 1
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["shard1", "down", "127.0.0.1:23313"],
        ["shard2", "down", "127.0.0.1:23314"],
        ["redis", "down", "127.0.0.1:26386"],
        ["kafka", "down", "127.0.0.1:29099"],
        ["prometheus", "down", "127.0.0.1:29097"],
    ]
    assert run_script("env", folder=folder).returncode == 1


@pytest.mark.parametrize("offset", ["-1", "1.5", "99999", "a"])
def test_an_offset_that_is_none_is_refused(folder, offset):
    done = run_script("up", "redis", folder=folder, env={"PAYPULSE_SERVICES_OFFSET": offset})
    assert done.returncode == 1
    assert "PAYPULSE_SERVICES_OFFSET" in done.stderr


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_folder_with_other_things_in_it_is_left_alone(folder, verb):
    folder.mkdir()
    (folder / "diary.txt").write_text("mine")
    done = run_script(verb, folder=folder)
    assert done.returncode == 1
    assert "holds other things" in done.stderr
    assert [file.name for file in folder.iterdir()] == ["diary.txt"]


def test_a_missing_program_is_named_with_the_command_that_installs_it(folder, tmp_path):
    around = {"PATH": bare_path(tmp_path, user=1000), "XDG_CACHE_HOME": str(tmp_path)}
    done = run_script("up", folder=folder, env=around)
    assert done.returncode == 1
    packages = "default-jre-headless mariadb-client-core mariadb-server-core maven"
    wanted = f"as root: apt-get install --no-install-recommends {packages} prometheus redis-server"
    assert wanted in done.stderr


def test_root_installs_what_is_missing_before_anything_starts(folder, tmp_path):
    tools = bare_path(tmp_path, user=0)
    done = run_script("up", "redis", folder=folder, offset=free_offset(), env={"PATH": tools})
    calls = (tmp_path / "apt.log").read_text().splitlines()
    assert [call.split("-o Acquire::Retries=3 ")[1] for call in calls] == [
        "update",
        "install -y --no-install-recommends redis-server",
    ]
    assert "installing redis-server" in done.stderr
    assert "redis did not start" in done.stderr  # the fake installs nothing


def bare_path(tmp_path: Path, user: int) -> str:
    """A machine with the basic tools, and an apt-get that writes down what it is asked for."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name) or name)
    (tools / "id").write_text(f"#!{shutil.which('bash')}\necho {user}\n")
    (tools / "apt-get").write_text(
        f"#!{shutil.which('bash')}\necho \"$*\" >>'{tmp_path / 'apt.log'}'\n"
    )
    for name in ("id", "apt-get"):
        (tools / name).chmod(0o755)
    return f"{tools}:/nowhere"


def test_a_port_that_is_taken_is_named_and_nothing_is_started(folder):
    service("redis")
    offset = free_offset()
    with socket.create_server(("127.0.0.1", PORT + offset)):
        done = run_script("up", "redis", folder=folder, offset=offset)
    assert done.returncode == 1
    assert f"port {PORT + offset}, for redis, is taken" in done.stderr
    assert not (folder / "redis.pid").exists()


def test_a_second_up_changes_nothing_and_is_quick(redis):
    before = pid(redis, "redis")
    began = time.monotonic()
    done = redis.run("up", "redis")
    assert time.monotonic() - began < 2
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == str(redis.folder / "env")
    assert pid(redis, "redis") == before


def test_two_at_once_start_one(folder):
    service("redis")
    offset = free_offset()
    with ThreadPoolExecutor(2) as pool:
        done = list(
            pool.map(lambda _: run_script("up", "redis", folder=folder, offset=offset), range(2))
        )
    assert [d.returncode for d in done] == [0, 0], done
    assert sum("starting redis" in d.stderr for d in done) == 1


def test_status_tells_what_runs_what_is_killed_and_what_hangs(redis):
    assert states(redis)["redis"] == "up"
    os.kill(pid(redis, "redis"), 19)  # SIGSTOP: it runs, and does not answer
    assert states(redis)["redis"] == "down"
    redis.kill("redis")
    assert states(redis)["redis"] == "down"


def states(own: OwnSet) -> dict[str, str]:
    lines = own.run("status").stdout.splitlines()
    return {line.split()[0]: line.split()[1] for line in lines}


def test_what_was_killed_comes_back_with_its_data_and_its_password(redis):
    before = redis.env
    with client(redis) as connection:
        connection.set("kept", "yes")
    redis.kill("redis")
    assert redis.up("redis") == before
    with client(redis) as connection:
        assert connection.get("kept") == b"yes"


def client(own: OwnSet) -> Redis:
    return Redis.from_url(own.env["PAYPULSE_REDIS_URL"])


def test_down_ends_what_it_started_and_removes_the_data(redis):
    assert is_listening(PORT + redis.offset)
    done = redis.run("down")
    assert done.returncode == 0
    assert not is_listening(PORT + redis.offset)
    assert [file.name for file in redis.folder.iterdir()] == ["paypulse-services.lock"]
    assert redis.run("down").returncode == 0


def test_a_process_that_has_the_number_of_an_old_one_is_not_ours_to_end(folder):
    folder.mkdir()
    (folder / "paypulse-services.lock").touch()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (folder / "redis.pid").write_text(f"{stranger.pid} 12345\n")
        assert run_script("kill", "redis", folder=folder).returncode == 0
        assert run_script("down", folder=folder).returncode == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_runs_is_not_mixed_with_other_ports(redis):
    done = run_script("up", "redis", folder=redis.folder, offset=redis.offset + 1)
    assert done.returncode == 1
    assert f"was started with PAYPULSE_SERVICES_OFFSET={redis.offset}" in done.stderr


def test_the_accounts_are_for_this_user_alone_and_new_each_time(redis):
    assert redis.folder.stat().st_mode & 0o077 == 0
    assert (redis.folder / "env").stat().st_mode & 0o077 == 0
    before = redis.env["PAYPULSE_REDIS_URL"]
    redis.run("down")
    assert redis.up("redis")["PAYPULSE_REDIS_URL"] != before


def test_the_env_file_can_be_sourced_and_read(redis):
    done = subprocess.run(
        ["bash", "-c", f"set -a; . '{redis.folder}/env'; env"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    sourced = {line for line in done.stdout.splitlines() if line.startswith("PAYPULSE_")}
    assert sourced == {f"{k}={v}" for k, v in read_env(redis.folder / "env").items()}


def test_no_function_of_the_scripts_hides_another():
    files = [ROOT / "scripts" / name for name in ("setup", "services")]
    files += sorted(ROOT.glob("scripts/services.d/*"))
    names = [n for file in files for n in re.findall(r"^(\w+)\(\) [({]", file.read_text(), re.M)]
    assert len(names) > 40
    assert sorted(names) == sorted(set(names))
