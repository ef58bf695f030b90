from benchmarks.certificate import measure_certificate


def test_a_certificate_keeps_within_its_time_of_the_processor_and_its_size():
    cost = measure_certificate("both", 4)
    assert cost.warm.processor_ms <= 150.0  # of the processor: the clock of a busy machine says nothing
    assert cost.cold.processor_ms <= 400.0
    assert 0.0 < cost.warm.processor_ms < cost.cold.processor_ms
    assert 50.0 < cost.size_kb <= 500.0
