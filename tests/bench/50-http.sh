#!/bin/sh
# Requests a second of the HTTP server and client against raw sockets that pass the same bytes (bench_http.c).
exec "${BUILD:-build}/tests/bench/bench_http" "${SECONDS_EACH:-3}"
