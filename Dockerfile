# docker build -t mailsys .    Then see compose.yaml.
FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir -w /wheels .

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels mailsys \
    && useradd --system --home-dir /var/lib/mailsys --create-home mailsys \
    && mkdir /etc/mailsys && chown mailsys: /etc/mailsys \
    # twistd keeps a list of plugins beside them; made here, since the server may not write there
    && twistd --help >/dev/null
USER mailsys
WORKDIR /var/lib/mailsys
# Docker lets any user bind ports below 1024 in a container (net.ipv4.ip_unprivileged_port_start=0).
EXPOSE 25 465 587 143 993 443
VOLUME ["/var/lib/mailsys", "/etc/mailsys"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=1m --timeout=20s CMD ["mailsys", "domain", "list", "--config", "/etc/mailsys/mailsys.toml"]
CMD ["twistd", "--nodaemon", "--pidfile=", "mailsys", "--config", "/etc/mailsys/mailsys.toml"]
