FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /chinwag
COPY . .
# The caches are there only while this line runs, so the binary leaves them in the same line.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/chinwag/target,sharing=locked \
    make build FEATURES=nats-credentials && cp target/release/chinwag /usr/local/bin/

FROM debian:bookworm-slim
# The certificates are for sslmode=verify-full in DATABASE_URL.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin chinwag \
    && install --directory --owner=chinwag --group=chinwag --mode=0700 /data
COPY --from=build /usr/local/bin/chinwag /usr/local/bin/

ENV CHINWAG_LISTEN=0.0.0.0:8080 CHINWAG_DATA=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Whether the process serves at all; a database that is away for a while is no reason to replace it. Bash speaks TCP, so the image needs
# no curl.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["bash", "-c", "\
    exec 3<>/dev/tcp/127.0.0.1/${CHINWAG_LISTEN##*:} \
    && printf 'GET /livez HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 \
    && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["chinwag"]
