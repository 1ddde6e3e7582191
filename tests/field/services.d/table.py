# SPDX-License-Identifier: GPL-2.0-or-later
"""The services of the field run: how each is exposed as its documentation has it, the ports and severities
of its alerts, the steps of its advice, and how a client of this machine sees that it still answers."""

import os

from inside import Service, connects, edited, line, run, typed, without

# The version of Debian's PostgreSQL.
PG = next(iter(sorted(os.listdir("/etc/postgresql"))), "15") if os.path.isdir("/etc/postgresql") else "15"
HTTP = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"


def restart(unit):
    return typed(f"sudo systemctl restart {unit}")


def put(path, text):
    return f"mkdir -p $(dirname {path}); cat >{path} <<'END'\n{text}\nEND\n"


def http(port, **options):
    return lambda: connects(port, HTTP, **options)


def says(port, sent, wanted):
    return lambda: wanted in (connects(port, sent) or b"")


def opens(port):
    return lambda: connects(port)


def does(command):
    return lambda: run(command).returncode == 0


def as_alice(unit, command):
    return f"systemd-run -q --collect --unit={unit} --uid=alice -p IgnoreSIGPIPE=no -p KillSignal=SIGKILL -E HOME=/home/alice -E XDG_RUNTIME_DIR=/run/user/1000 {command}"


def again(unit, command, says):
    """The program of that unit ends, and is started with what was advised."""
    return typed(f"systemctl stop {unit}; while systemctl -q cat {unit} 2>/dev/null; do sleep 0.1; done; {as_alice(unit, command)}", says)


NGINX = "/etc/nginx/sites-enabled/default"
# An image of one program, for container engines.
IMAGE = ("mkdir -p /tmp/image/bin /tmp/image/www; cp /usr/bin/busybox /tmp/image/bin/httpd; tar -C /tmp/image -cf /tmp/image.tar .; ")
# What a container inside a container may not have is left out.
DOCKER = "docker run -d --name web --cap-drop ALL --security-opt seccomp=unconfined --pids-limit 0 --ulimit nofile=1024:1024 "
PODMAN = ("podman --runtime runc run -d --name web --privileged --pids-limit 0 --ulimit memlock=8388608 "
          "--ulimit nofile=$(ulimit -Hn) --ulimit nproc=$(ulimit -Hu) ")
# alice can log in to this machine with a key.
KEY = ("install -d -m 700 -o alice /home/alice/.ssh; rm -f /home/alice/.ssh/*; runuser -u alice -- ssh-keygen -q -t ed25519 -N '' "
       "-f /home/alice/.ssh/id_ed25519; cat /home/alice/.ssh/id_ed25519.pub >/home/alice/.ssh/authorized_keys; "
       "chown alice /home/alice/.ssh/*; ")
SSH = "ssh -N -o StrictHostKeyChecking=no -o ExitOnForwardFailure=yes "
PODMAN_API = "podman --cgroup-manager=cgroupfs system service -t 0 "
ALICE_PODMAN = ("runuser -u alice -- env HOME=/home/alice XDG_RUNTIME_DIR=/run/user/1000 podman --cgroup-manager=cgroupfs --runtime runc run "
                "-d --name web --privileged --pids-limit 0 --ulimit memlock=$(ulimit -Hl) --ulimit nofile=$(ulimit -Hn) --ulimit nproc=$(ulimit -Hu) ")
# A user's containers: numbers of users, and file systems of the kernel that can be mounted in them.
ROOTLESS = ("grep -q ^alice: /etc/subuid || usermod --add-subuids 100000-165535 --add-subgids 100000-165535 alice; "
            "mkdir -p /run/whole/proc /run/whole/sys; mountpoint -q /run/whole/proc || mount -t proc proc /run/whole/proc; "
            "mountpoint -q /run/whole/sys || mount -t sysfs sysfs /run/whole/sys; [ -e /dev/fuse ] || mknod -m 666 /dev/fuse c 10 229; chmod 666 /dev/net/tun; ")
PODMAN_IMAGE = IMAGE + ("printf '[storage]\\ndriver=\"vfs\"\\nrunroot=\"/run/containers/storage\"\\n"
                        "graphroot=\"/var/lib/containers/storage\"\\n' >/etc/containers/storage.conf; podman import /tmp/image.tar image")
DOCKERD = IMAGE + ("systemd-run -q --collect --unit=dockerd dockerd --storage-driver vfs; "
                   "timeout 60 sh -c 'until docker info; do sleep 1; done' >/dev/null 2>&1; docker import /tmp/image.tar image")
ALICE_DOCKER = "docker -H unix:///run/user/1000/docker.sock " + DOCKER.removeprefix("docker ")
LXD = ("systemctl start lxd.socket; lxd waitready --timeout 60; lxc storage show pool || lxc storage create pool dir; "
       "lxc profile device get default root path || lxc profile device add default root disk path=/ pool=pool; "
       "mkdir -p /tmp/lxd/rootfs/{bin,sbin,dev,etc,proc,run,sys,tmp,www}; cp /usr/bin/busybox /tmp/lxd/rootfs/bin/sh; "
       "cp /usr/bin/busybox /tmp/lxd/rootfs/bin/httpd; printf '#!/bin/sh\nexec /bin/httpd -f -p 80 -h /www\n' >/tmp/lxd/rootfs/sbin/init; "
       "chmod 755 /tmp/lxd/rootfs/sbin/init; printf 'architecture: x86_64\ncreation_date: 1600000000\n' >/tmp/lxd/metadata.yaml; "
       "tar -C /tmp/lxd -cf /tmp/lxd.tar metadata.yaml rootfs; lxc image info tiny || lxc image import /tmp/lxd.tar --alias tiny; ")
SERVICES = [
    # --- web servers ---
    Service("nginx", "systemctl start nginx", {"tcp 80": "warning"}, tool="nginx", answers=http(80), fix=[
        line(NGINX, "\tlisten 127.0.0.1:80 default_server;", r"^\tlisten 80 default_server;",
             ["/etc/nginx/sites-enabled/", "listen 127.0.0.1:80"]),
        line(NGINX, "\tlisten [::1]:80 default_server;", r"^\tlisten \[::\]:80 default_server;",
             ["/etc/nginx/sites-enabled/", "listen [::1]:80"]),
        restart("nginx")]),
    Service("apache", "systemctl start apache2", {"tcp 80": "warning"}, tool="Apache", answers=http(80), fix=[
        line("/etc/apache2/ports.conf", "Listen 127.0.0.1:80\nListen [::1]:80", r"^Listen 80$"), restart("apache2")]),
    Service("lighttpd", "systemctl start lighttpd", {"tcp 80": "warning"}, tool="lighttpd", answers=http(80), fix=[
        line("/etc/lighttpd/lighttpd.conf", 'server.bind = "127.0.0.1"'),
        without("/etc/lighttpd/lighttpd.conf", r'^include_shell "/usr/share/lighttpd/use-ipv6.pl.*\n', ["use-ipv6.pl"]),
        restart("lighttpd")]),
    Service("caddy", "systemctl start caddy", {"tcp 80": "warning"}, tool="Caddy", answers=http(80), fix=[
        line("/etc/caddy/Caddyfile", ":80 {\n\tbind 127.0.0.1 [::1]", r"^:80 \{", ["bind 127.0.0.1 [::1]"]),
        restart("caddy")]),
    Service("haproxy", "systemctl start haproxy", {"tcp 8088": "warning"}, tool="HAProxy", answers=http(8088),
            expose="printf 'frontend web\\n\\tbind :8088\\n\\thttp-request return status 200\\n' >>/etc/haproxy/haproxy.cfg",
            fix=[line("/etc/haproxy/haproxy.cfg", "\tbind 127.0.0.1:8088", r"^\tbind :8088"), restart("haproxy")]),
    Service("varnish", "systemctl start varnish", {"tcp 6081": "warning"}, tool="Varnish", answers=opens(6081), fix=[
        edited("varnish", "[Service]\nExecStart=\nExecStart=/usr/sbin/varnishd -j unix,user=vcache -F -a 127.0.0.1:6081 "
               "-T localhost:6082 -f /etc/varnish/default.vcl -S /etc/varnish/secret -s malloc,256m\n",
               ['"ExecStart="', "-a 127.0.0.1:6081"]), restart("varnish")]),
    Service("tomcat", "systemctl start tomcat10", {"tcp 8080": "warning"}, tool="Tomcat", answers=http(8080), fix=[
        line("/etc/tomcat10/server.xml", '    <Connector address="127.0.0.1" port="8080" protocol="HTTP/1.1"',
             r'^    <Connector port="8080" protocol="HTTP/1.1"', ['address="127.0.0.1"', '<Connector port="8080"']),
        restart("tomcat10")]),
    Service("jetty", "systemctl start jetty9", {"tcp 8080": "warning"}, tool="Jetty", answers=http(8080), fix=[
        line("/etc/jetty9/start.ini", "jetty.http.host=127.0.0.1"), restart("jetty9")]),
    Service("mini-httpd", "systemctl start mini-httpd", {"tcp 80": "warning"}, tool="mini_httpd", answers=http(80),
            expose="sed -i 's/^host=.*/host=0.0.0.0/' /etc/mini-httpd.conf",
            fix=[line("/etc/mini-httpd.conf", "host=localhost", r"^host=.*"), restart("mini-httpd")]),
    Service("php-fpm", "systemctl start php8.2-fpm", {"tcp 9000": "critical"}, tool="PHP-FPM", answers=opens(9000),
            expose="sed -i 's/^listen = .*/listen = 9000/' /etc/php/8.2/fpm/pool.d/www.conf",
            fix=[line("/etc/php/8.2/fpm/pool.d/www.conf", "listen = 127.0.0.1:9000", r"^listen = .*"),
                 restart("php8.2-fpm")]),
    Service("cockpit", "systemctl start cockpit.socket", {"tcp 9090": "error"}, tool="Cockpit",
            answers=http(9090), fix=[
                edited("cockpit.socket", "[Socket]\nListenStream=\nListenStream=127.0.0.1:9090\n",
                       ['"ListenStream="', '"ListenStream=127.0.0.1:9090"']),
                typed("sudo systemctl stop cockpit.service"), restart("cockpit.socket")]),
    Service("shellinabox", "systemctl start shellinabox", {"tcp 4200": "error"}, tool="Shell In A Box",
            answers=opens(4200), fix=[
                line("/etc/default/shellinabox", 'SHELLINABOX_ARGS="--no-beep --localhost-only"',
                     r"^SHELLINABOX_ARGS=.*", ["SHELLINABOX_ARGS", "--localhost-only"]), restart("shellinabox")]),
    # --- databases ---
    Service("redis", "systemctl start redis-server", {"tcp 6379": "critical"}, tool="Redis",
            expose="sed -i 's/^bind .*/bind * -::*/; s/^protected-mode .*/protected-mode no/' /etc/redis/redis.conf",
            answers=does("redis-cli ping | grep PONG"), fix=[
                line("/etc/redis/redis.conf", "bind 127.0.0.1 -::1", r"^bind .*"), restart("redis-server")]),
    Service("redis-sentinel", "systemctl start redis-sentinel", {"tcp 26379": "critical"}, tool="Redis Sentinel",
            answers=does("redis-cli -p 26379 ping | grep PONG"), fix=[
                line("/etc/redis/sentinel.conf", "bind 127.0.0.1 -::1", r"^bind .*"), restart("redis-sentinel")]),
    Service("postgresql", f"systemctl start postgresql@{PG}-main", {"tcp 5432": "error"}, tool="PostgreSQL",
            expose=f"echo \"listen_addresses = '*'\" >>/etc/postgresql/{PG}/main/postgresql.conf",
            answers=does("runuser -u postgres -- psql -h localhost -c 'select 1' -w 2>&1 | grep -E 'password|1 row'"),
            fix=[line(f"/etc/postgresql/{PG}/main/postgresql.conf", "listen_addresses = 'localhost'", r"^listen_addresses.*"),
                 restart(f"postgresql@{PG}-main")]),
    Service("pgbouncer", "systemctl start pgbouncer", {"tcp 6432": "error"}, tool="PgBouncer", answers=opens(6432),
            expose="sed -i 's/^listen_addr = .*/listen_addr = */' /etc/pgbouncer/pgbouncer.ini",
            fix=[line("/etc/pgbouncer/pgbouncer.ini", "listen_addr = 127.0.0.1", r"^listen_addr = .*"), restart("pgbouncer")]),
    Service("mariadb", "systemctl start mariadb", {"tcp 3306": "error"}, tool="MariaDB", answers=opens(3306),
            expose="sed -i 's/^bind-address.*/bind-address = */' /etc/mysql/mariadb.conf.d/50-server.cnf",
            fix=[line("/etc/mysql/mariadb.conf.d/50-server.cnf", "bind-address = 127.0.0.1", r"^bind-address.*"),
                 restart("mariadb")]),
    Service("memcached", "systemctl start memcached", {"tcp 11211": "critical"}, tool="Memcached",
            expose="sed -i 's/^-l .*/-l 0.0.0.0/' /etc/memcached.conf", answers=says(11211, b"version\r\n", b"VERSION"),
            fix=[line("/etc/memcached.conf", "-l 127.0.0.1", r"^-l .*"), restart("memcached")]),
    Service("etcd", "systemctl start etcd", {"tcp 2379": "critical", "tcp 2380": "critical"}, tool="etcd",
            expose="printf '%s\\n' ETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:2379 ETCD_LISTEN_PEER_URLS=http://0.0.0.0:2380 "
                   "ETCD_ADVERTISE_CLIENT_URLS=http://192.168.1.20:2379 >>/etc/default/etcd",
            answers=does("curl -s http://127.0.0.1:2379/version || exec 3<>/dev/tcp/127.0.0.1/2379"), fix=[
                line("/etc/default/etcd", "ETCD_LISTEN_CLIENT_URLS=http://127.0.0.1:2379", "^ETCD_LISTEN_CLIENT_URLS.*"),
                line("/etc/default/etcd", "ETCD_ADVERTISE_CLIENT_URLS=http://127.0.0.1:2379", "^ETCD_ADVERTISE_CLIENT_URLS.*"),
                line("/etc/default/etcd", "ETCD_LISTEN_PEER_URLS=http://127.0.0.1:2380", "^ETCD_LISTEN_PEER_URLS.*"),
                restart("etcd")]),
    Service("influxdb", "systemctl start influxdb", {"tcp 8086": "critical"}, tool="InfluxDB", answers=http(8086), fix=[
        line("/etc/influxdb/influxdb.conf", '[http]\n  bind-address = "127.0.0.1:8086"', r"^\[http\]$",
             ["[http]", 'bind-address = "127.0.0.1:8086"']), restart("influxdb")]),
    Service("slapd", "systemctl start slapd", {"tcp 389": "error"}, tool="OpenLDAP", answers=opens(389), fix=[
        line("/etc/default/slapd", 'SLAPD_SERVICES="ldap://127.0.0.1:389/ ldapi:///"', r"^SLAPD_SERVICES=.*"),
        restart("slapd")]),
    Service("zookeeper", "systemctl start zookeeper", {"tcp 2181": "critical"}, tool="ZooKeeper", also=True,
            answers=opens(2181), fix=[
                line("/etc/zookeeper/conf/zoo.cfg", "clientPortAddress=127.0.0.1"), restart("zookeeper")]),
    # --- brokers and queues ---
    Service("mosquitto", "systemctl start mosquitto", {"tcp 1883": "error"}, tool="Mosquitto", answers=opens(1883),
            expose=put("/etc/mosquitto/conf.d/local.conf", "listener 1883\nallow_anonymous true"),
            fix=[line("/etc/mosquitto/conf.d/local.conf", "listener 1883 localhost", r"^listener 1883$",
                      ["/etc/mosquitto/conf.d/", "listener 1883 localhost"]), restart("mosquitto")]),
    Service("rabbitmq", "systemctl start epmd.socket rabbitmq-server",
            {"tcp 5672": "error", "tcp 25672": "error", "tcp 4369": "error"},
            answers=does("rabbitmqctl status && exec 3<>/dev/tcp/127.0.0.1/5672"), fix=[
                line("/etc/rabbitmq/rabbitmq-env.conf", "NODE_IP_ADDRESS=127.0.0.1"),
                line("/etc/rabbitmq/rabbitmq-env.conf",
                     'SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,1,1}"'),
                edited("epmd.socket", "[Socket]\nListenStream=\nListenStream=127.0.0.1:4369\nListenStream=127.0.1.1:4369\n",
                       ['"ListenStream=127.0.0.1:4369"', '"ListenStream=127.0.1.1:4369"']),
                typed("sudo systemctl stop epmd.service"), restart("epmd.socket"), restart("rabbitmq-server")]),
    Service("nats", "systemctl start nats-server", {"tcp 4222": "critical"}, tool="NATS", answers=opens(4222),
            expose="sed -i 's/^host:.*/host: 0.0.0.0/' /etc/nats-server.conf",
            fix=[line("/etc/nats-server.conf", "host: 127.0.0.1", r"^host:.*"), restart("nats-server")]),
    Service("beanstalkd", "systemctl start beanstalkd.service", {"tcp 11300": "critical"}, tool="Beanstalkd",
            expose="sed -i 's/^BEANSTALKD_LISTEN_ADDR=.*/BEANSTALKD_LISTEN_ADDR=0.0.0.0/' /etc/default/beanstalkd",
            answers=says(11300, b"stats\r\n", b"OK"), fix=[
                line("/etc/default/beanstalkd", "BEANSTALKD_LISTEN_ADDR=127.0.0.1", r"^BEANSTALKD_LISTEN_ADDR=.*"),
                restart("beanstalkd")]),
    Service("gearman", "systemctl start gearman-job-server", {"tcp 4730": "critical"}, tool="Gearman",
            expose="sed -i 's/--listen=localhost/--listen=0.0.0.0/' /etc/default/gearman-job-server",
            answers=says(4730, b"version\n", b"OK"), fix=[
                line("/etc/default/gearman-job-server", "--listen=localhost", r"--listen=0.0.0.0"),
                restart("gearman-job-server")]),
    # --- monitoring ---
    Service("prometheus", "systemctl start prometheus", {"tcp 9090": "warning"}, tool="Prometheus", answers=http(9090), fix=[
        line("/etc/default/prometheus", 'ARGS="--web.listen-address=127.0.0.1:9090"', r"^ARGS=.*"), restart("prometheus")]),
    Service("node-exporter", "systemctl start prometheus-node-exporter", {"tcp 9100": "warning"},
            tool="Prometheus exporter", answers=http(9100), fix=[
                line("/etc/default/prometheus-node-exporter", 'ARGS="--web.listen-address=127.0.0.1:9100"', r"^ARGS=.*"),
                restart("prometheus-node-exporter")]),
    Service("alertmanager", "systemctl start prometheus-alertmanager",
            {"tcp 9093": "warning", "tcp 9094": "warning", "udp 9094": "warning"},
            tool="Prometheus Alertmanager", answers=http(9093), fix=[
                line("/etc/default/prometheus-alertmanager",
                     'ARGS="--web.listen-address=127.0.0.1:9093 --cluster.listen-address=127.0.0.1:9094"', r"^ARGS=.*",
                     ["ARGS", "--web.listen-address=127.0.0.1:9093", "--cluster.listen-address=127.0.0.1:9094"]),
                restart("prometheus-alertmanager")]),
    Service("netdata", "systemctl start netdata", {"tcp 19999": "warning"}, tool="Netdata", answers=http(19999),
            expose="sed -i 's/bind socket to IP = .*/bind socket to IP = */' /etc/netdata/netdata.conf",
            fix=[line("/etc/netdata/netdata.conf", "bind socket to IP = 127.0.0.1", r"bind socket to IP = .*"),
                 restart("netdata")]),
    Service("munin-node", "systemctl start munin-node", {"tcp 4949": "warning"}, tool="Munin node", answers=opens(4949), fix=[
        line("/etc/munin/munin-node.conf", "host 127.0.0.1", r"^host \*"), restart("munin-node")]),
    Service("snmpd", "systemctl start snmpd", {"udp 161": "error"}, tool="snmpd",
            expose="sed -i 's/^agentaddress.*/agentaddress udp:161,udp6:161/' /etc/snmp/snmpd.conf",
            answers=does("ss -Hlun | grep 127.0.0.1:161"), fix=[
                line("/etc/snmp/snmpd.conf", "agentaddress 127.0.0.1,[::1]", r"^agentaddress.*"), restart("snmpd")]),
    Service("zabbix-agent", "systemctl start zabbix-agent", {"tcp 10050": "warning"}, tool="Zabbix agent",
            answers=opens(10050), fix=[line("/etc/zabbix/zabbix_agentd.conf", "ListenIP=127.0.0.1"), restart("zabbix-agent")]),
    Service("graphite", "systemctl start carbon-cache",
            {"tcp 2003": "warning", "tcp 2004": "warning", "tcp 7002": "warning"}, tool="Graphite", answers=opens(2003), fix=[
                line("/etc/carbon/carbon.conf", f"{name}_INTERFACE = 127.0.0.1", f"^{name}_INTERFACE = .*")
                for name in ("LINE_RECEIVER", "PICKLE_RECEIVER", "CACHE_QUERY")] + [restart("carbon-cache")]),
    Service("monit", "systemctl start monit", {"tcp 2812": "error"}, tool="Monit", answers=http(2812),
            expose="printf 'set httpd port 2812\\n  allow admin:monit\\n' >>/etc/monit/monitrc",
            fix=[line("/etc/monit/monitrc", "set httpd port 2812 and use address localhost", r"^set httpd port 2812$",
                      ["set httpd port 2812 and use address localhost"]), restart("monit")]),
    Service("nut", "systemctl start nut-server", {"tcp 3493": "error"}, tool="NUT", answers=says(3493, b"VER\n", b"Network"),
            expose="sed -i 's/^MODE=.*/MODE=netserver/' /etc/nut/nut.conf; echo 'LISTEN 0.0.0.0 3493' >>/etc/nut/upsd.conf; "
                   "printf '[dummy]\\ndriver=dummy-ups\\nport=/dev/null\\n' >>/etc/nut/ups.conf",
            fix=[line("/etc/nut/upsd.conf", "LISTEN 127.0.0.1 3493\nLISTEN ::1 3493", r"^LISTEN .*"), restart("nut-server")]),
    # --- proxies ---
    Service("squid", "systemctl start squid", {"tcp 3128": "warning"}, tool="Squid", answers=http(3128), fix=[
        line("/etc/squid/squid.conf", "http_port 127.0.0.1:3128", r"^http_port .*"), restart("squid")]),
    Service("tor", "systemctl start tor@default", {"tcp 9050": "error"}, tool="Tor", answers=opens(9050),
            expose="echo 'SocksPort 0.0.0.0:9050' >>/etc/tor/torrc",
            fix=[line("/etc/tor/torrc", "SocksPort 127.0.0.1:9050", r"^SocksPort .*"), restart("tor@default")]),
    Service("tinyproxy", "systemctl start tinyproxy", {"tcp 8888": "warning"}, tool="Tinyproxy", answers=opens(8888), fix=[
        line("/etc/tinyproxy/tinyproxy.conf", "Listen 127.0.0.1"), restart("tinyproxy")]),
    Service("privoxy", "systemctl start privoxy", {"tcp 8118": "warning"}, tool="Privoxy", answers=opens(8118),
            expose="sed -i '/^listen-address/d' /etc/privoxy/config; echo 'listen-address  0.0.0.0:8118' >>/etc/privoxy/config",
            fix=[line("/etc/privoxy/config", "listen-address 127.0.0.1:8118", r"^listen-address.*"), restart("privoxy")]),
    Service("dante", "systemctl start danted", {"tcp 1080": "error"}, tool="Dante", answers=opens(1080),
            expose=put("/etc/danted.conf", "logoutput: stderr\nuser.privileged: proxy\nuser.unprivileged: nobody\n"
                       "internal: 0.0.0.0 port = 1080\nexternal: wlan0\nclientmethod: none\nsocksmethod: none\n"
                       "client pass { from: 0/0 to: 0/0 }\nsocks pass { from: 0/0 to: 0/0 }"),
            fix=[line("/etc/danted.conf", "internal: 127.0.0.1 port = 1080", r"^internal:.*"), restart("danted")]),
    Service("microsocks", "systemd-run -q --collect --unit=socks --uid=alice microsocks -p 1081", {"tcp 1081": "error"},
            tool="microsocks", answers=opens(1081), stop="systemctl stop socks", loopback=False, fix=[
                typed("systemctl stop socks; systemd-run -q --collect --unit=socks --uid=alice microsocks -i 127.0.0.1 -p 1081",
                      "microsocks -i 127.0.0.1 -p 1081")]),
    Service("stunnel", "systemctl start stunnel@web", {"tcp 8443": "warning"}, tool="stunnel", answers=opens(8443),
            expose="openssl req -x509 -newkey rsa:2048 -nodes -keyout /etc/stunnel/k.pem -out /etc/stunnel/c.pem -subj /CN=x; "
                   + put("/etc/stunnel/web.conf", "foreground = yes\ncert = /etc/stunnel/c.pem\nkey = /etc/stunnel/k.pem\n[web]\n"
                         "accept = 0.0.0.0:8443\nconnect = 127.0.0.1:80"),
            fix=[line("/etc/stunnel/web.conf", "accept = 127.0.0.1:8443", r"^accept = .*",
                      ["/etc/stunnel/", "accept = 127.0.0.1:8443"]), restart("stunnel@web")]),
    # --- mail ---
    Service("postfix", "systemctl start postfix", {"tcp 25": "warning"}, tool="Postfix", answers=opens(25),
            expose="postconf -e inet_interfaces=all myhostname=sockaudit-test; newaliases",
            fix=[typed("sudo postconf -e inet_interfaces=loopback-only"), restart("postfix")]),
    Service("dovecot", "systemctl start dovecot", {"tcp 143": "error", "tcp 993": "error"}, tool="Dovecot",
            answers=opens(143), fix=[
                line("/etc/dovecot/dovecot.conf", "listen = 127.0.0.1, ::1", r"^#listen = .*"), restart("dovecot")]),
    Service("spamd", "systemctl start spamd", {"tcp 783": "warning"}, tool="spamd", answers=says(783, b"PING SPAMC/1.2\r\n\r\n", b"PONG"),
            expose="sed -i 's/^OPTIONS=\"/OPTIONS=\"-i 0.0.0.0 -A 192.168.1.0\\/24,127.0.0.1 --local /' /etc/default/spamd; "
                   "mkdir -p /var/lib/spamassassin; sa-compile -h >/dev/null 2>&1; true",
            fix=[line("/etc/default/spamd", 'OPTIONS="--create-prefs --max-children 5 --helper-home-dir --local"', r"^OPTIONS=.*",
                      ["/etc/default/spamd", "OPTIONS", "-i"]), restart("spamd")]),
    Service("exim", "systemctl start exim4", {"tcp 25": "warning"}, tool="Exim", answers=opens(25),
            needs="DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install exim4-daemon-light; "
                  "systemctl stop exim4",
            expose="sed -i \"s/^dc_local_interfaces=.*/dc_local_interfaces=''/; s/^dc_eximconfig_configtype=.*/"
                   "dc_eximconfig_configtype='internet'/\" /etc/exim4/update-exim4.conf.conf; update-exim4.conf",
            fix=[line("/etc/exim4/update-exim4.conf.conf", "dc_local_interfaces='127.0.0.1 ; ::1'", r"^dc_local_interfaces=.*"),
                 restart("exim4")]),
    # --- names and addresses ---
    Service("dnsmasq", "systemctl start dnsmasq", {"tcp 53": "warning", "udp 53": "warning"}, tool="dnsmasq",
            answers=opens(53), fix=[
                line("/etc/dnsmasq.conf", "listen-address=127.0.0.1,::1"), line("/etc/dnsmasq.conf", "bind-interfaces"),
                restart("dnsmasq")]),
    Service("bind", "systemctl start named", {"tcp 53": "warning", "udp 53": "warning"}, tool="BIND", answers=opens(53),
            fix=[line("/etc/bind/named.conf.options", "listen-on { 127.0.0.1; };\nlisten-on-v6 { ::1; };",
                      r"listen-on-v6 \{ any; \};"), restart("named")]),
    Service("unbound", "systemctl start unbound", {"tcp 53": "warning", "udp 53": "warning"}, tool="Unbound", answers=opens(53),
            expose=put("/etc/unbound/unbound.conf.d/lan.conf", "server:\n  interface: 0.0.0.0\n  interface: ::0\n"
                       "  access-control: 192.168.0.0/16 allow"),
            fix=[line("/etc/unbound/unbound.conf.d/lan.conf", "  interface: 127.0.0.1\n  interface: ::1", r"^  interface:.*",
                      ["/etc/unbound/unbound.conf.d/", "interface: 127.0.0.1", "interface: ::1"]), restart("unbound")]),
    # --- files ---
    Service("rsync", "systemctl start rsync", {"tcp 873": "error"}, tool="rsync", answers=opens(873),
            expose=put("/etc/rsyncd.conf", "[srv]\npath = /srv"),
            fix=[line("/etc/rsyncd.conf", "address = 127.0.0.1\n[srv]", r"^\[srv\]", ["address = 127.0.0.1"]), restart("rsync")]),
    Service("vsftpd", "systemctl start vsftpd", {"tcp 21": "error"}, tool="vsftpd", answers=opens(21), fix=[
        line("/etc/vsftpd.conf", "listen=YES", r"^listen=.*"), line("/etc/vsftpd.conf", "listen_ipv6=NO", r"^listen_ipv6=.*"),
        line("/etc/vsftpd.conf", "listen_address=127.0.0.1"), restart("vsftpd")]),
    Service("proftpd", "systemctl start proftpd", {"tcp 21": "error"}, tool="ProFTPD", answers=opens(21),
            needs="DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install proftpd-core; systemctl stop proftpd",
            fix=[line("/etc/proftpd/proftpd.conf", "DefaultAddress 127.0.0.1"), line("/etc/proftpd/proftpd.conf", "SocketBindTight on"),
                 restart("proftpd")]),
    Service("tftpd", "systemctl start tftpd-hpa", {"udp 69": "error"}, tool="tftpd",
            answers=does("ss -Hlun | grep 127.0.0.1:69"),
            fix=[line("/etc/default/tftpd-hpa", 'TFTP_ADDRESS="127.0.0.1:69"', r"^TFTP_ADDRESS=.*"), restart("tftpd-hpa")]),
    Service("smbd", "systemctl start smbd", {"tcp 445": "error", "tcp 139": "error"}, tool="Samba", answers=opens(445), fix=[
        line("/etc/samba/smb.conf", "[global]\n   interfaces = lo\n   bind interfaces only = yes", r"^\[global\]"),
        restart("smbd")]),
    Service("nmbd", "systemctl start nmbd", {"udp 137": "notice", "udp 138": "notice"}, tool="Samba names", loopback=False, fix=[
        typed("sudo systemctl disable --now nmbd")]),
    Service("nbd", "systemctl start nbd-server", {"tcp 10809": "critical"}, tool="NBD", answers=opens(10809),
            expose="truncate -s 1M /srv/disk; " + put("/etc/nbd-server/conf.d/disk.conf", "[disk]\nexportname = /srv/disk"),
            fix=[line("/etc/nbd-server/config", "[generic]\n\tlistenaddr = 127.0.0.1", r"^\[generic\]"), restart("nbd-server")]),
    Service("minidlna", "systemctl start minidlna", {"tcp 8200": "warning"}, tool="MiniDLNA", loopback=False, fix=[
        typed("sudo systemctl disable --now minidlna")]),
    Service("rpcbind", "systemctl start rpcbind.socket rpcbind.service", {"tcp 111": "notice", "udp 111": "notice"},
            tool="rpcbind", loopback=False, fix=[typed("sudo systemctl disable --now rpcbind.socket rpcbind.service")]),
    # --- printing, media, chat ---
    Service("cups", "systemctl start cups", {"tcp 631": "notice"}, tool="CUPS", answers=http(631),
            expose="systemctl start cups; cupsctl --share-printers --remote-any; systemctl restart cups; sleep 1",
            fix=[typed("sudo cupsctl --no-share-printers --no-remote-any")], loopback=False),
    Service("saned", "systemctl start saned.socket", {"tcp 6566": "warning"}, answers=opens(6566), fix=[
        edited("saned.socket", "[Socket]\nListenStream=\nListenStream=127.0.0.1:6566\n", ['"ListenStream=127.0.0.1:6566"']),
        typed("systemctl stop saned.service; true", "sudo systemctl stop saned.service"), restart("saned.socket")]),
    Service("transmission", "systemctl start transmission-daemon", {"tcp 9091": "warning"}, tool="Transmission", also=True,
            keeps=["tcp 51413"], answers=opens(9091), fix=[
                typed("sudo systemctl stop transmission-daemon"),
                line("/etc/transmission-daemon/settings.json", '{ "rpc-bind-address": "127.0.0.1",', r"\A\{",
                     ["/etc/transmission-daemon/settings.json", '"rpc-bind-address": "127.0.0.1"']),
                without("/etc/transmission-daemon/settings.json", r'^ *"rpc-bind-address": "0.0.0.0",', []),
                typed("sudo systemctl start transmission-daemon")]),
    Service("deluged", "systemctl start deluged", {"tcp 58846": "error"}, tool="Deluge", also=True, answers=opens(58846),
            needs="systemctl start deluged; timeout 60 sh -c 'until [ -e /var/lib/deluged/config/core.conf ]; do sleep 0.1; done'; "
                  "systemctl stop deluged",
            expose="sed -i 's/\"allow_remote\": false/\"allow_remote\": true/' /var/lib/deluged/config/core.conf",
            fix=[typed("systemctl stop deluged", "stop the daemon"),
                 line("/var/lib/deluged/config/core.conf", '"allow_remote": false', r'"allow_remote": true'),
                 typed("systemctl start deluged", "core.conf")]),
    Service("mpd", "systemctl start mpd.service", {"tcp 6600": "warning"}, tool="MPD", answers=says(6600, b"", b"connected"),
            expose="sed -i 's/^bind_to_address.*/bind_to_address \"any\"/' /etc/mpd.conf",
            fix=[line("/etc/mpd.conf", 'bind_to_address "localhost"', r"^bind_to_address.*"), restart("mpd")]),
    Service("mpd.socket", "systemctl start mpd.socket", {"tcp 6600": "warning"}, answers=opens(6600),
            expose="rm -f /run/mpd/socket", fix=[
                edited("mpd.socket", "[Socket]\nListenStream=\nListenStream=127.0.0.1:6600\nListenStream=/run/mpd/socket\n",
                       ['"ListenStream="', '"ListenStream=127.0.0.1:6600"', "systemctl cat mpd.socket"]),
                typed("sudo systemctl stop mpd.service"), restart("mpd.socket")]),
    Service("icecast", "systemctl start icecast2", {"tcp 8000": "warning"}, tool="Icecast", answers=http(8000), fix=[
        line("/etc/icecast2/icecast.xml", "<listen-socket>\n<bind-address>127.0.0.1</bind-address>\n<port>8000</port>",
             r"<listen-socket>\n\s*<port>8000</port>",
             ["/etc/icecast2/icecast.xml", "<listen-socket>", "<bind-address>127.0.0.1</bind-address>"]), restart("icecast2")]),
    Service("prosody", "systemctl start prosody", {"tcp 5222": "warning", "tcp 5269": "warning"}, tool="Prosody",
            answers=opens(5222), fix=[
                line("/etc/prosody/prosody.cfg.lua", 'interfaces = { "127.0.0.1", "::1" }\n', r"\A",
                     ['interfaces = { "127.0.0.1", "::1" }']), restart("prosody")]),
    Service("ngircd", "systemctl start ngircd", {"tcp 6667": "warning"}, tool="ngIRCd", answers=opens(6667), fix=[
        line("/etc/ngircd/ngircd.conf", "[Global]\nListen = 127.0.0.1", r"^\[Global\]"), restart("ngircd")]),
    Service("mumble", "systemctl start mumble-server", {"tcp 64738": "warning", "udp 64738": "warning"}, tool="Mumble",
            answers=opens(64738), fix=[line("/etc/mumble-server.ini", "host=127.0.0.1", r"^;?host=.*"), restart("mumble-server")]),
    Service("coturn", "systemctl start coturn", {"tcp 3478": "warning", "udp 3478": "warning"}, tool="coturn",
            answers=opens(3478), fix=[line("/etc/turnserver.conf", "listening-ip=127.0.0.1"), restart("coturn")]),
    # --- other ---
    Service("freeradius", "systemctl start freeradius", {"udp 1812": "warning", "udp 1813": "warning"}, tool="FreeRADIUS",
            answers=does("ss -Hlun | grep 127.0.0.1:1812"), fix=[
                typed("sed -i 's/^\\tipaddr = \\*/\\tipaddr = 127.0.0.1/; s/^\\t*ipaddr = \\*/\\tipaddr = 127.0.0.1/; "
                      "s/^\\tipv6addr = ::.*/\\tipv6addr = ::1/' /etc/freeradius/3.0/sites-enabled/default",
                      "/etc/freeradius/3.0/sites-enabled/default, in each listen { }: ipaddr = 127.0.0.1, ipv6addr = ::1"),
                restart("freeradius")]),
    Service("clamd", "systemctl start clamav-daemon.service", {"tcp 3310": "error"}, tool="ClamAV",
            answers=says(3310, b"PING\n", b"PONG"),
            needs="printf 'Test:0:*:deadbeefcafe\\n' >/var/lib/clamav/main.ndb; mkdir -p /etc/systemd/system/clamav-daemon.service.d; "
                  "printf '[Unit]\\nConditionPathExistsGlob=\\nRequires=\\n' >/etc/systemd/system/clamav-daemon.service.d/field.conf; "
                  "systemctl daemon-reload",
            expose="printf 'TCPSocket 3310\\nTCPAddr 0.0.0.0\\n' >>/etc/clamav/clamd.conf",
            fix=[line("/etc/clamav/clamd.conf", "TCPAddr 127.0.0.1", r"^TCPAddr .*"), restart("clamav-daemon")]),
    Service("distcc", "systemctl start distcc", {"tcp 3632": "critical"}, tool="distcc", answers=opens(3632),
            expose="sed -i 's/^STARTDISTCC=.*/STARTDISTCC=\"true\"/; s/^LISTENER=.*/LISTENER=\"0.0.0.0\"/; "
                   "s|^ALLOWEDNETS=.*|ALLOWEDNETS=\"127.0.0.1 192.168.1.0/24\"|' /etc/default/distcc",
            fix=[line("/etc/default/distcc", 'LISTENER="127.0.0.1"', r"^LISTENER=.*"), restart("distcc")]),
    Service("radicale", "systemctl start radicale", {"tcp 5232": "warning"}, tool="Radicale", answers=http(5232),
            expose="sed -i 's/^#hosts = .*/hosts = 0.0.0.0:5232/' /etc/radicale/config",
            fix=[line("/etc/radicale/config", "hosts = localhost:5232", r"^hosts = .*"), restart("radicale")]),
    Service("xrdp", "systemctl start xrdp", {"tcp 3389": "error"}, tool="xrdp", answers=opens(3389), fix=[
        line("/etc/xrdp/xrdp.ini", "port=tcp://127.0.0.1:3389", r"^port=3389"), restart("xrdp")]),
    Service("gpsd", "systemctl start gpsd.socket", {"tcp 2947": "warning"}, answers=opens(2947),
            expose="mkdir -p /etc/systemd/system/gpsd.socket.d; printf '[Socket]\\nListenStream=\\nListenStream=/run/gpsd.sock\\n"
                   "ListenStream=[::]:2947\\nListenStream=0.0.0.0:2947\\n' >/etc/systemd/system/gpsd.socket.d/override.conf; "
                   "systemctl daemon-reload",
            fix=[edited("gpsd.socket", "[Socket]\nListenStream=\nListenStream=/run/gpsd.sock\nListenStream=127.0.0.1:2947\n",
                        ['"ListenStream="', '"ListenStream=127.0.0.1:2947"', "systemctl cat gpsd.socket"]),
                 typed("sudo systemctl stop gpsd.service"), restart("gpsd.socket")]),
    Service("iperf3", "systemctl start iperf3", {"tcp 5201": "warning"}, tool="iperf3", answers=opens(5201), fix=[
        edited("iperf3", "[Service]\nExecStart=\nExecStart=/usr/bin/iperf3 --server --interval 0 -B 127.0.0.1\n",
               ["-B 127.0.0.1"]), restart("iperf3")]),
    Service("inetd", "systemctl restart inetd", {"tcp 7": "warning"}, tool="inetd", answers=opens(7),
            expose="echo 'echo stream tcp nowait root internal' >>/etc/inetd.conf; grep -q '^echo' /etc/services || echo 'echo 7/tcp' >>/etc/services",
            fix=[line("/etc/inetd.conf", "127.0.0.1:echo stream tcp nowait root internal", r"^echo stream.*",
                      ["/etc/inetd.conf", "127.0.0.1:SERVICE"]), restart("inetd")]),
    Service("tigervnc", "systemd-run -q --collect --unit=vnc --uid=alice Xtigervnc :1 -rfbport 5901 -localhost=0 -SecurityTypes VncAuth "
            "-PasswordFile /dev/null", {"tcp 5901": "error"}, tool="VNC", answers=opens(5901), stop="systemctl stop vnc",
            loopback=False, needs="mkdir -p -m 1777 /tmp/.X11-unix", fix=[
                typed("systemctl stop vnc; systemd-run -q --collect --unit=vnc --uid=alice Xtigervnc :1 -rfbport 5901 -localhost "
                      "-SecurityTypes VncAuth -PasswordFile /dev/null", "-localhost")]),
    Service("x11", "systemd-run -q --collect --unit=x11 --uid=alice Xvfb :5 -listen tcp -ac", {"tcp 6005": "critical"}, tool="X11",
            stop="systemctl stop x11", loopback=False, needs="mkdir -p -m 1777 /tmp/.X11-unix", fix=[
                typed("systemctl stop x11; systemd-run -q --collect --unit=x11 --uid=alice Xvfb :5 -nolisten tcp -ac", "-nolisten tcp")]),
    Service("x11vnc", "systemd-run -q --collect --unit=x11vnc --uid=alice x11vnc -display :6 -nopw -forever",
            {"tcp 5900": "error"}, tool="x11vnc", answers=opens(5900), stop="systemctl stop x11vnc x6", loopback=False,
            needs="mkdir -p -m 1777 /tmp/.X11-unix; systemd-run -q --collect --unit=x6 --uid=alice Xvfb :6 -nolisten tcp; sleep 2", fix=[
                typed("systemctl stop x11vnc; systemd-run -q --collect --unit=x11vnc --uid=alice x11vnc -localhost -display :6 -nopw "
                      "-forever", "x11vnc -localhost")]),
    Service("adb", "systemd-run -q --collect --unit=adb --uid=alice adb -a nodaemon server start", {"tcp 5037": "critical"}, tool="adb",
            answers=opens(5037), stop="systemctl stop adb", loopback=False, fix=[
                typed("systemctl stop adb; systemd-run -q --collect --unit=adb --uid=alice adb nodaemon server start", "without -a")]),
    Service("uwsgi", "systemd-run -q --collect --unit=uwsgi --uid=alice uwsgi --plugin python3 --socket 0.0.0.0:3031", {"tcp 3031": "critical"},
            tool="uWSGI", answers=opens(3031), stop="systemctl stop uwsgi", loopback=False, fix=[
                typed("systemctl stop uwsgi; systemd-run -q --collect --unit=uwsgi --uid=alice uwsgi --plugin python3 --socket 127.0.0.1:3031",
                      "uwsgi --socket 127.0.0.1:3031")]),
    Service("aria2", "systemd-run -q --collect --unit=aria2 --uid=alice aria2c --enable-rpc --rpc-listen-all=true", {"tcp 6800": "warning"},
            tool="aria2", answers=opens(6800), stop="systemctl stop aria2", loopback=False, fix=[
                typed("systemctl stop aria2; systemd-run -q --collect --unit=aria2 --uid=alice aria2c --enable-rpc --rpc-listen-all=false",
                      "--rpc-listen-all=false")]),
    Service("sslh", "systemctl start sslh", {"tcp 443": "warning"}, tool="sslh", answers=opens(443),
            expose="sed -i 's/^DAEMON_OPTS=.*/DAEMON_OPTS=\"--user sslh --listen 0.0.0.0:443 --ssh 127.0.0.1:22 --pidfile "
                   "\\/var\\/run\\/sslh\\/sslh.pid\"/' /etc/default/sslh",
            fix=[line("/etc/default/sslh", "--listen 127.0.0.1:443", r"--listen 0.0.0.0:443"), restart("sslh")]),
    # --- containers ---
    Service("docker", DOCKER + "-p 18090:80 -p 18091:81/udp image /bin/httpd -f -p 80 -h /www",
            {"tcp 18090": "warning", "udp 18091": "warning"}, tool="Docker", answers=http(18090), loopback=False,
            stop="docker rm -f web; systemctl stop dockerd",
            needs=DOCKERD,
            fix=[typed("docker rm -f web; " + DOCKER + "-p 127.0.0.1:18090:80 -p 127.0.0.1:18091:81/udp image "
                       "/bin/httpd -f -p 80 -h /www", "docker run -p 127.0.0.1:18090:80"),
                 typed("true", "docker run -p 127.0.0.1:18091:81/udp")]),
    Service("podman", PODMAN + "-p 18080:80 -p 18081:81/udp image /bin/httpd -f -p 80 -h /www",
            {"tcp 18080": "warning", "udp 18081": "warning"}, tool="Podman", answers=http(18080), loopback=False,
            stop="podman rm -f web",
            needs=PODMAN_IMAGE,
            fix=[typed("podman rm -f web; " + PODMAN + "-p 127.0.0.1:18080:80 -p 127.0.0.1:18081:81/udp image "
                       "/bin/httpd -f -p 80 -h /www", "podman run -p 127.0.0.1:18080:"),
                 typed("true", "podman run -p 127.0.0.1:18081:")]),
    # --- what is allowed as shipped ---
    Service("chrony", "systemctl start chrony", {"udp 123": "allow"}, expose="echo allow >>/etc/chrony/chrony.conf", fix=[]),
    Service("avahi", "systemctl start avahi-daemon", {"udp 5353": "allow"}, fix=[], stop="systemctl stop avahi-daemon.socket avahi-daemon"),
    Service("openvpn", "systemctl start openvpn@tcp", {"tcp 1194": "allow"}, fix=[],
            expose=put("/etc/openvpn/tcp.conf", "proto tcp-server\ndev null\nport 1194\nsecret /etc/openvpn/k\nifconfig-noexec\n"
                       "cipher AES-256-CBC") + "openvpn --genkey secret /etc/openvpn/k"),
    # --- a socket unit with two lines, of one's own ---
    Service("two-lines", "systemctl start pair.socket", {"tcp 8060": "warning"}, stop="systemctl stop pair.service pair.socket",
            answers=does("""python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("/run/pair.sock")'"""),
            needs=put("/etc/systemd/system/pair.socket", "[Socket]\nListenStream=8060\nListenStream=/run/pair.sock")
            + put("/etc/systemd/system/pair.service", "[Service]\nExecStart=/usr/bin/python3 -c 'import time; time.sleep(1e6)'")
            + "systemctl daemon-reload; systemctl start pair.socket; echo >/dev/tcp/127.0.0.1/8060; sleep 1; systemctl is-active pair.service",
            fix=[edited("pair.socket", "[Socket]\nListenStream=\nListenStream=127.0.0.1:8060\nListenStream=/run/pair.sock\n",
                        ['"ListenStream="', '"ListenStream=127.0.0.1:8060"', "systemctl cat pair.socket"]),
                 typed("sudo systemctl stop pair.service"), typed("sudo systemctl restart pair.socket")]),
    # --- tunnels ---
    Service("ssh-L", as_alice("tunnel", SSH + "-g -L 18022:localhost:22 alice@127.0.0.1"), {"tcp 18022": "warning"}, tool="ssh -L",
            needs=KEY, answers=says(18022, b"x\r\n", b"SSH-2.0"), stop="systemctl stop tunnel", loopback=False, fix=[
                again("tunnel", SSH + "-L 127.0.0.1:18022:localhost:22 alice@127.0.0.1", "ssh -L 127.0.0.1:18022:")]),
    Service("ssh-D-L", as_alice("tunnel", SSH + "-D 0.0.0.0:18023 -L 0.0.0.0:18024:localhost:22 alice@127.0.0.1"),
            {"tcp 18023": "error", "tcp 18024": "warning"}, tool="ssh -D or ssh -L", needs=KEY,
            answers=says(18024, b"x\r\n", b"SSH-2.0"), stop="systemctl stop tunnel", loopback=False, fix=[
                again("tunnel", SSH + "-D 127.0.0.1:18023 -L 127.0.0.1:18024:localhost:22 alice@127.0.0.1", "ssh -D 127.0.0.1:18023"),
                typed("true", "ssh -L 127.0.0.1:18024:")]),
    Service("ssh-config", as_alice("tunnel", SSH + "work"), {"tcp 18025": "warning"}, tool="ssh tunnel",
            needs=KEY + put("/home/alice/.ssh/config", "Host work\n HostName 127.0.0.1\n LocalForward *:18025 localhost:22")
            + "chown alice /home/alice/.ssh/config", answers=says(18025, b"x\r\n", b"SSH-2.0"), stop="systemctl stop tunnel",
            loopback=False, fix=[
                typed("sed -i 's/[*]:18025/127.0.0.1:18025/' /home/alice/.ssh/config", "in ~/.ssh/config: LocalForward 127.0.0.1:18025"),
                again("tunnel", SSH + "work", "start ssh again")]),
    Service("ssh-R", as_alice("tunnel", SSH + "-R 0.0.0.0:18026:localhost:22 alice@127.0.0.1"), {"tcp 18026": "warning"}, tool="ssh -R",
            needs=KEY + put("/etc/ssh/sshd_config.d/tunnel.conf", "GatewayPorts clientspecified") + "systemctl restart ssh",
            answers=says(18026, b"x\r\n", b"SSH-2.0"), loopback=False,
            stop="systemctl stop tunnel; rm /etc/ssh/sshd_config.d/tunnel.conf; systemctl reload ssh", fix=[
                again("tunnel", SSH + "-R 127.0.0.1:18026:localhost:22 alice@127.0.0.1", "ssh -R 127.0.0.1:18026:")]),
    Service("ssh-R-yes", as_alice("tunnel", SSH + "-R 18027:localhost:22 alice@127.0.0.1"), {"tcp 18027": "warning"}, tool="ssh -R",
            needs=KEY + put("/etc/ssh/sshd_config.d/tunnel.conf", "GatewayPorts yes") + "systemctl restart ssh",
            answers=says(18027, b"x\r\n", b"SSH-2.0"), loopback=False,
            stop="systemctl stop tunnel; rm /etc/ssh/sshd_config.d/tunnel.conf; systemctl reload ssh", fix=[
                line("/etc/ssh/sshd_config.d/tunnel.conf", "GatewayPorts no", r"^GatewayPorts .*", ["/etc/ssh/sshd_config", "GatewayPorts no"]),
                typed("sudo systemctl reload ssh"),
                again("tunnel", SSH + "-R 18027:localhost:22 alice@127.0.0.1", "log in again")]),
    Service("pasta", as_alice("pasta", "pasta -f -t 18092 -u 18093 -- sleep infinity"), {"tcp 18092": "warning", "udp 18093": "warning"},
            tool="passt", needs=ROOTLESS, answers=opens(18092), stop="systemctl stop pasta", loopback=False, fix=[
                again("pasta", "pasta -f -t 127.0.0.1/18092 -u 127.0.0.1/18093 -- sleep infinity", "pasta -t 127.0.0.1/18092"),
                typed("true", "pasta -u 127.0.0.1/18093")]),
    Service("rootlesskit", as_alice("rootlesskit", "rootlesskit --net=slirp4netns --disable-host-loopback --port-driver=builtin "
                                    "--publish 0.0.0.0:18094:80/tcp --publish 0.0.0.0:18095:80/udp sleep infinity"),
            {"tcp 18094": "warning", "udp 18095": "warning"}, needs=ROOTLESS, stop="systemctl stop rootlesskit", loopback=False,
            answers=opens(18094), fix=[
                again("rootlesskit", "rootlesskit --net=slirp4netns --disable-host-loopback --port-driver=builtin "
                      "--publish 127.0.0.1:18094:80/tcp --publish 127.0.0.1:18095:80/udp sleep infinity", "127.0.0.1:18094:"),
                typed("true", "127.0.0.1:18095:")]),
    Service("podman-rootless", ALICE_PODMAN + "-p 18096:80 -p 18097:81/udp image /bin/httpd -f -p 80 -h /www",
            {"tcp 18096": "warning", "udp 18097": "warning"}, tool="Podman", answers=http(18096), loopback=False,
            stop="runuser -u alice -- podman rm -f web", needs=ROOTLESS + PODMAN_IMAGE + "; runuser -u alice -- podman import /tmp/image.tar image",
            fix=[typed("runuser -u alice -- podman rm -f web; " + ALICE_PODMAN + "-p 127.0.0.1:18096:80 -p 127.0.0.1:18097:81/udp image "
                       "/bin/httpd -f -p 80 -h /www", "podman run -p 127.0.0.1:18096:"), typed("true", "podman run -p 127.0.0.1:18097:")]),
    Service("docker-rootless", ALICE_DOCKER + "-p 18110:80 image /bin/httpd -f -p 80 -h /www", {"tcp 18110": "warning"}, tool="Docker",
            answers=http(18110), loopback=False, stop="systemctl stop rdocker",
            needs=ROOTLESS + IMAGE + as_alice("rdocker", "env PATH=/usr/sbin:/usr/bin bash /usr/share/docker.io/contrib/dockerd-rootless.sh "
                                              "--storage-driver vfs")
            + "; export DOCKER_HOST=unix:///run/user/1000/docker.sock; timeout 60 sh -c 'until docker info; do sleep 1; done' >/dev/null 2>&1; "
            "docker import /tmp/image.tar image", fix=[
                typed(ALICE_DOCKER.replace("run -d", "rm -f web; docker -H unix:///run/user/1000/docker.sock run -d")
                      + "-p 127.0.0.1:18110:80 image /bin/httpd -f -p 80 -h /www", "docker run -p 127.0.0.1:18110:")]),
    Service("lxd-proxy", "lxc config device add c1 web proxy listen=tcp:0.0.0.0:18111 connect=tcp:127.0.0.1:80; "
            "lxc config device add c1 names proxy listen=udp:0.0.0.0:18112 connect=udp:127.0.0.1:81",
            {"tcp 18111": "warning", "udp 18112": "warning"}, tool="LXD proxy device", answers=opens(18111), loopback=False,
            needs=LXD + "lxc init tiny c1 -c security.privileged=true; lxc start c1",
            stop="lxc delete -f c1; systemctl stop lxd lxd.socket", fix=[
                typed("lxc config device set c1 web listen=tcp:127.0.0.1:18111",
                      "lxc config device set INSTANCE DEVICE listen=tcp:127.0.0.1:18111"),
                typed("lxc config device set c1 names listen=udp:127.0.0.1:18112",
                      "lxc config device set INSTANCE DEVICE listen=udp:127.0.0.1:18112")]),
    # --- more ---
    Service("podman-rm", PODMAN + "-p 18080:80 image /bin/httpd -f -p 80 -h /www", {"tcp 18080": "warning"}, tool="Podman",
            loopback=False, stop="true", needs=PODMAN_IMAGE, fix=[typed("podman rm -f web", "podman run -p 127.0.0.1:18080:")]),
    Service("docker-rm", DOCKER + "-p 18090:80 image /bin/httpd -f -p 80 -h /www", {"tcp 18090": "warning"}, tool="Docker",
            loopback=False, stop="systemctl stop dockerd", needs=DOCKERD, fix=[typed("docker rm -f web", "docker run -p 127.0.0.1:18090:80")]),
    Service("docker-api", "systemd-run -q --collect --unit=dockerd dockerd --storage-driver vfs -H unix:// -H tcp://0.0.0.0:2375",
            {"tcp 2375": "critical"}, tool="Docker API", stop="systemctl stop dockerd", loopback=False, answers=does("docker info"), fix=[
                typed("systemctl stop dockerd; systemd-run -q --collect --unit=dockerd dockerd --storage-driver vfs -H unix://",
                      "remove -H tcp://")]),
    Service("docker-swarm", "docker swarm init --advertise-addr 192.168.1.20", {"tcp 2377": "warning", "tcp 7946": "warning", "udp 7946": "warning"},
            tool="Docker Swarm", stop="systemctl stop dockerd", loopback=False, also=True, answers=does("docker info"),
            needs="systemd-run -q --collect --unit=dockerd dockerd --storage-driver vfs; "
                  "timeout 60 sh -c 'until docker info; do sleep 1; done' >/dev/null 2>&1", fix=[
                typed("docker swarm leave --force")]),
    # It moves to a scope of the user, which the end of its unit does not end.
    Service("podman-api", as_alice("podman-api", PODMAN_API + "tcp:0.0.0.0:18098"), {"tcp 18098": "critical"}, tool="Podman API",
            stop="pkill -KILL -u alice -x podman", needs=ROOTLESS, loopback=False, answers=opens(18098), fix=[
                typed("pkill -KILL -u alice -x podman; " + as_alice("podman-api-again", PODMAN_API + "tcp:127.0.0.1:18098"),
                      "podman system service tcp:127.0.0.1:18098")]),
    Service("nfs-ganesha", "systemctl start nfs-ganesha", {"tcp 2049": "error"}, tool="NFS Ganesha", also=True, answers=opens(2049),
            stop="systemctl stop nfs-ganesha rpc-statd rpcbind rpcbind.socket", fix=[
                line("/etc/ganesha/ganesha.conf", "NFS_CORE_PARAM { Bind_addr = 127.0.0.1; }"), restart("nfs-ganesha")]),
    Service("rpc-statd", "systemctl start rpc-statd", {"tcp 18101": "warning", "udp 18101": "warning"}, tool="rpc.statd", also=True,
            loopback=False, stop="systemctl unmask rpc-statd; systemctl stop rpc-statd rpcbind rpcbind.socket",
            needs="systemctl start rpcbind", expose="printf '[statd]\\nport=18101\\n' >>/etc/nfs.conf", fix=[
                typed("sudo systemctl mask --now rpc-statd")]),
    Service("xinetd", "systemctl start xinetd", {"tcp 7": "warning"}, tool="xinetd", answers=opens(7),
            needs="DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install xinetd; systemctl stop xinetd",
            expose="sed -i '0,/disable.*yes/s//disable = no/' /etc/xinetd.d/echo",
            fix=[line("/etc/xinetd.d/echo", "\tbind = 127.0.0.1\n}", r"^}", ["/etc/xinetd.d/", "bind = 127.0.0.1"]), restart("xinetd")]),
    Service("rabbitmq-management", "systemctl start epmd.socket rabbitmq-server", {"tcp 15672": "error"}, tool="RabbitMQ management",
            also=True, answers=http(15672), needs="rabbitmq-plugins enable --offline rabbitmq_management", fix=[
                line("/etc/rabbitmq/rabbitmq.conf", "management.tcp.ip = 127.0.0.1"), restart("rabbitmq-server")]),
    Service("ejabberd", "systemctl start ejabberd", {"tcp 5222": "warning", "tcp 5269": "warning", "tcp 5280": "warning"}, tool="ejabberd",
            also=True, answers=opens(5222), fix=[
                typed("sed -i 's/^    ip: \"::\"/    ip: \"127.0.0.1\"/' /etc/ejabberd/ejabberd.yml",
                      '/etc/ejabberd/ejabberd.yml, under listen: ip: "127.0.0.1" for port 5222'), restart("ejabberd")]),
    Service("clickhouse", "systemctl start clickhouse-server", {"tcp 8123": "critical", "tcp 9000": "critical", "tcp 9009": "critical"},
            tool="ClickHouse", answers=http(8123),
            expose="mkdir -p /etc/clickhouse-server/config.d; echo '<yandex><listen_host>0.0.0.0</listen_host></yandex>' "
                   ">/etc/clickhouse-server/config.d/listen.xml", fix=[
                line("/etc/clickhouse-server/config.d/listen.xml", "<yandex><listen_host>127.0.0.1</listen_host></yandex>", r".*",
                     ["/etc/clickhouse-server/config.d/listen.xml", "<listen_host>127.0.0.1</listen_host>"]), restart("clickhouse-server")]),
    Service("lxd", "lxc config set core.https_address :8443", {"tcp 8443": "warning"}, tool="LXD", loopback=False, answers=opens(8443),
            needs="systemctl start lxd.socket; lxd waitready --timeout 60", stop="lxc config unset core.https_address; "
            "systemctl stop lxd lxd.socket", fix=[typed("lxc config set core.https_address 127.0.0.1:8443",
                                                        "lxc config set core.https_address 127.0.0.1:8443")]),
    Service("qemu-vnc", as_alice("qemu", "qemu-system-x86_64 -display none -machine none -vnc :3"), {"tcp 5903": "error"}, tool="QEMU display",
            stop="systemctl stop qemu", loopback=False, answers=says(5903, b"", b"connected"), fix=[
                again("qemu", "qemu-system-x86_64 -display none -machine none -vnc 127.0.0.1:3", "-vnc 127.0.0.1:")]),
    Service("qemu-hostfwd", as_alice("qemu", "qemu-system-x86_64 -display none -net none -netdev user,id=n0,hostfwd=tcp::18099-:80,"
                                     "hostfwd=udp::18100-:81 -device e1000,netdev=n0"),
            {"tcp 18099": "warning", "udp 18100": "warning"}, tool="QEMU port forward", stop="systemctl stop qemu", loopback=False, answers=opens(18099), fix=[
                again("qemu", "qemu-system-x86_64 -display none -net none -netdev user,id=n0,hostfwd=tcp:127.0.0.1:18099-:80,"
                      "hostfwd=udp:127.0.0.1:18100-:81 -device e1000,netdev=n0", "hostfwd=tcp:127.0.0.1:18099-"),
                typed("true", "hostfwd=udp:127.0.0.1:18100-")]),
    Service("openvpn-management", "systemctl start openvpn@tcp", {"tcp 7505": "warning"}, tool="OpenVPN management", answers=opens(7505),
            also=True, expose=put("/etc/openvpn/tcp.conf", "proto tcp-server\ndev null\nport 1194\nsecret /etc/openvpn/k\nifconfig-noexec\n"
                       "cipher AES-256-CBC\nmanagement 0.0.0.0 7505") + "openvpn --genkey secret /etc/openvpn/k", fix=[
                typed("sed -i 's/^management .*/management 127.0.0.1 7505/' /etc/openvpn/tcp.conf", "in the configuration in /etc/openvpn/: management 127.0.0.1 7505"),
                restart("openvpn@tcp")]),
    Service("gpsd-G", "systemd-run -q --collect --unit=gpsd-g gpsd -F /run/gpsd-g.sock -N -G", {"tcp 2947": "warning"}, tool="gpsd", answers=opens(2947),
            stop="systemctl stop gpsd-g", loopback=False, fix=[
                typed("systemctl stop gpsd-g; systemd-run -q --collect --unit=gpsd-g gpsd -F /run/gpsd-g.sock -N", "start gpsd without -G")]),
    Service("pulseaudio", as_alice("pulse", 'pulseaudio -n --exit-idle-time=-1 -L module-native-protocol-tcp'), {"tcp 4713": "warning"},
            tool="PulseAudio", stop="systemctl stop pulse", loopback=False, answers=opens(4713), fix=[
                again("pulse", "pulseaudio -n --exit-idle-time=-1 '--load=module-native-protocol-tcp listen=127.0.0.1'",
                      "module-native-protocol-tcp listen=127.0.0.1")]),
    Service("syncthing-gui", as_alice("syncthing", "syncthing serve --no-browser --gui-address=0.0.0.0:8384"), {"tcp 8384": "warning"},
            tool="syncthing GUI", stop="systemctl stop syncthing", loopback=False, answers=http(8384), fix=[
                again("syncthing", "syncthing serve --no-browser --gui-address=127.0.0.1:8384", "syncthing serve --gui-address=127.0.0.1:8384")]),
    Service("cups-browsed", "systemctl start cups-browsed", {"udp 631": "notice"}, answers=does("systemctl is-active cups-browsed"), loopback=False,
            expose="sed -i 's/^BrowseRemoteProtocols.*/BrowseRemoteProtocols dnssd cups/' /etc/cups/cups-browsed.conf", fix=[
                line("/etc/cups/cups-browsed.conf", "BrowseRemoteProtocols dnssd", r"^BrowseRemoteProtocols.*",
                     ["cups-browsed.conf", "BrowseRemoteProtocols dnssd"]), restart("cups-browsed")]),
    Service("ntpsec", "systemctl start ntpsec", {"udp 123": "allow"}, fix=[],
            needs="DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install ntpsec; systemctl stop ntpsec"),
    # --- remote login: the allowed port stays ---
    Service("ssh-socket", "systemctl stop ssh; systemctl start ssh.socket; sleep 1; head -1 </dev/tcp/127.0.0.1/22; systemctl is-active ssh", {"tcp 2222": "warning"}, tool="sshd", keeps=["tcp 22"],
            answers=says(22, b"x\r\n", b"SSH-2.0"), stop="systemctl stop ssh.socket ssh; systemctl start ssh", loopback=False, moves_login=True,
            expose="mkdir -p /etc/systemd/system/ssh.socket.d; printf '[Socket]\\nListenStream=2222\\n' "
                   ">/etc/systemd/system/ssh.socket.d/override.conf; systemctl daemon-reload", fix=[
                edited("ssh.socket", "[Socket]\nListenStream=\nListenStream=22\n", ['"ListenStream="', '"ListenStream=22"']),
                typed("sudo systemctl stop ssh.service; sudo systemctl restart ssh.socket")]),
    Service("sshd-2222", "systemctl restart ssh", {"tcp 2222": "warning"}, tool="sshd", keeps=["tcp 22"],
            answers=opens(22), stop="true", loopback=False,
            expose="printf 'Port 22\\nPort 2222\\n' >/etc/ssh/sshd_config.d/ports.conf",
            fix=[without("/etc/ssh/sshd_config.d/ports.conf", r"^Port 2222\n",
                    ["/etc/ssh/sshd_config and sshd_config.d/*.conf remove \"Port 2222\""]), typed("sudo systemctl reload ssh")]),
]
