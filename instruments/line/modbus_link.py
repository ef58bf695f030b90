"""Registers of a device over Modbus TCP; every failure is one of the link errors."""

import logging
from collections.abc import Sequence

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from qc_daemon.domain.errors import LinkLost, LinkTimeout, ProtocolError

# pymodbus logs each refused connection as an error; the station says so itself, once.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

_READ, _WRITE = 3, 16  # function codes


class ModbusLink:
    """A Modbus TCP client without repeats of its own: after a failure it must be opened anew.

    A reply that comes too late would else be taken for the reply to the next request.
    """

    def __init__(self, host: str, port: int, device_id: int, timeout_s: float = 1.0) -> None:
        self.address = f"{host}:{port}"
        self._host = host
        self._port = port
        self._device_id = device_id
        self._timeout_s = timeout_s
        self._client: ModbusTcpClient | None = None

    def open(self) -> None:
        """Connect.

        Raises:
            LinkLost: nobody listens there.
        """
        self.close()
        client = ModbusTcpClient(self._host, port=self._port, timeout=self._timeout_s, retries=0)
        if not client.connect():  # type: ignore[no-untyped-call]
            raise LinkLost(f"PLC {self.address}: no connection; expected a Modbus TCP server")
        self._client = client

    def close(self) -> None:
        """Disconnect; closing a closed link does nothing."""
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]

    def read(self, address: int, count: int) -> list[int]:
        """Return `count` holding registers from `address` on.

        Raises:
            InstrumentError: the connection broke, no reply came in time, or the PLC refuses.
        """
        client = self._require_client()
        try:
            reply = client.read_holding_registers(address, count=count, device_id=self._device_id)
        except (ModbusException, OSError) as error:
            raise self._lost(error) from error
        self._require_success(reply, _READ, f"reading registers {address} to {address + count - 1}")
        if len(reply.registers) != count:
            raise ProtocolError(f"PLC {self.address}: {len(reply.registers)} registers; expected {count}")
        return list(reply.registers)

    def write(self, address: int, words: Sequence[int]) -> None:
        """Write holding registers from `address` on, in one request.

        Raises:
            InstrumentError: the connection broke, no reply came in time, or the PLC refuses.
        """
        client = self._require_client()
        try:
            reply = client.write_registers(address, list(words), device_id=self._device_id)
        except (ModbusException, OSError) as error:
            raise self._lost(error) from error
        self._require_success(reply, _WRITE, f"writing registers {address} to {address + len(words) - 1}")

    def _require_client(self) -> ModbusTcpClient:
        if self._client is None:
            raise LinkLost(f"PLC {self.address}: not connected")
        return self._client

    def _require_success(self, reply: ModbusPDU, function_code: int, doing: str) -> None:
        if reply.isError():
            raise ProtocolError(
                f"PLC {self.address}: refuses {doing} (exception {reply.exception_code}); "
                "expected the register map of docs/instruments.md"
            )
        if reply.function_code != function_code:
            raise ProtocolError(f"PLC {self.address}: answers {doing} with function {reply.function_code}")

    def _lost(self, error: Exception) -> LinkLost | LinkTimeout:
        self.close()
        if "No response" in str(error):
            return LinkTimeout(f"PLC {self.address}: no reply within {self._timeout_s:g} s")
        return LinkLost(f"PLC {self.address}: the connection broke")
