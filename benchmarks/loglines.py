"""What pipelines say in the log benchmark: lines of the lengths and levels that real ones have."""

from __future__ import annotations

_QUIET = (
    b" INFO dbsp_adapters::controller: step completed: 12 input batches, 48231 records, 3 output batches, step ",
    b" INFO feldera_adapters::transport::kafka::input: endpoint=orders.in partitions=[0, 1, 2, 3] assigned, offset ",
    b" INFO pipeline_manager::runner: heartbeat, request ",
    b"DEBUG dbsp::storage::backend::posixio_impl: flushed 64 blocks to batch-0192f3a4-5b6c-7d8e.feldera, 16777216 "
    b"bytes in 87 ms, the cache holds 1431 blocks of 512 files, pressure 0.31, spine level 3, merge debt 0, file ",
    b" WARN dbsp_adapters::controller: the pipeline is falling behind: endpoint `orders.in` has 1048576 buffered "
    b"records, more than max_queued_records=1000000; input is paused until the circuit has caught up, round ",
    b' INFO actix_web::middleware::logger: 10.2.3.4 "GET /stats HTTP/1.1" 200 48213 "-" "feldera/0.337" 0.0031 ',
)
_ERRORS = (
    b"ERROR dbsp_adapters::transport::kafka::output: error on output endpoint `orders.out`: librdkafka error: Local: "
    b"Broker transport failure: sasl_ssl://b-1.prod.kafka.eu-west-1.amazonaws.com:9096/bootstrap: connect to "
    b"ipv4#10.0.3.17:9096 failed: Connection refused (after 12 ms in state CONNECT, 31 identical errors suppressed), "
    b"attempt ",
    b"ERROR dbsp_adapters::integrated::postgres: cannot write batch: error connecting to server "
    b"postgresql://feldera:s3cr3t@db.internal:5432/orders: password authentication failed for user feldera, attempt ",
)


def messages(*, errors: int) -> list[bytes]:
    """A hundred messages without their number, ``errors`` of them errors, spread evenly."""
    tells = [(number + 1) * errors // 100 > number * errors // 100 for number in range(100)]
    return [_ERRORS[number // 10 % 2] if tell else _QUIET[number % 6] for number, tell in enumerate(tells)]
