"""The address of a shard as people have it at hand: for JDBC, with options, with certificates."""

import ssl

import pytest

from checks.sources.database.servers.address import address_of
from monitor.app import platform_of
from monitor.config.models import ConfigError, parse


def refused(url: str) -> str:
    text = f'[platform.database]\nvia = "direct"\nurls.shard1 = "{url}"'
    with pytest.raises(ConfigError) as error:
        platform_of(parse(text, {}))
    return str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "mysql://u:p@h:3306/pay",
        "jdbc:mysql://u:p@h:3306/pay",
        "jdbc:mysql://h:3306/pay?user=u&password=p",
        "mysql://u:p@h:3306/pay?useSSL=false&serverTimezone=UTC&characterEncoding=utf8",
        "mysql://u:p@h:3306/pay?sslMode=DISABLED&allowPublicKeyRetrieval=true",
    ],
)
def test_an_address_for_another_driver_means_the_same_server(text):
    url, driver = address_of(text)
    assert url.render_as_string(hide_password=False) == "mysql://u:p@h:3306/pay"
    assert driver == {}


@pytest.mark.parametrize(
    ("option", "verified", "hostname"),
    [
        ("ssl=true", True, True),
        ("useSSL=true", True, True),
        ("sslMode=VERIFY_CA", True, False),
        ("sslMode=trust", False, False),
    ],
)
def test_tls_is_asked_for_as_in_other_drivers(option, verified, hostname):
    context = address_of(f"jdbc:mariadb://h/pay?{option}")[1]["ssl"]
    assert (context.verify_mode is ssl.CERT_REQUIRED, context.check_hostname) == (
        verified,
        hostname,
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("useSLS=true", "platform.database.urls.shard1: the option useSLS is not known"),
        ("ssl=perhaps", "platform.database.urls.shard1: the option ssl is true, false or a mode"),
        ("ssl_ca=/nowhere/ca.pem", "urls.shard1: ssl_ca: /nowhere/ca.pem cannot be read: No such"),
    ],
)
def test_an_option_that_does_not_serve_is_named_with_its_key(query, said):
    assert said in refused(f"mysql://u:hunter2@h/pay?{query}")
    assert "hunter2" not in refused(f"mysql://u:hunter2@h/pay?{query}")


def test_a_certificate_that_is_none_is_named(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    assert f"{file} is no certificate" in refused(f"mysql://u@h/pay?ssl_ca={file}")


@pytest.mark.parametrize("url", ["postgresql://h/x", "jdbc:oracle:thin:@h:1521", "mysql://h"])
def test_a_database_that_is_not_read_is_refused_with_the_key(url):
    assert "platform.database.urls.shard1" in refused(url)
