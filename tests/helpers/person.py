"""What a person does at a display: presses keys, and closes windows."""

from __future__ import annotations

from types import TracebackType

from Xlib import XK, X
from Xlib.display import Display
from Xlib.ext import xtest
from Xlib.protocol.event import ClientMessage


class Person:
    """Sits at a display. Make one before the game starts: a close request must be known to the display by then.

    Args:
        display: The display's name, such as `:1`.
    """

    def __init__(self, display: str) -> None:
        self._display = Display(display)
        self._protocols = self._display.intern_atom("WM_PROTOCOLS")
        self._delete_window = self._display.intern_atom("WM_DELETE_WINDOW")
        self._display.sync()

    def __enter__(self) -> Person:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.close()

    def press(self, key: str) -> None:
        """Press a key, named as X names it, and keep it down."""
        self._fake(X.KeyPress, key)

    def release(self, key: str) -> None:
        self._fake(X.KeyRelease, key)

    def tap(self, key: str) -> None:
        self.press(key)
        self.release(key)

    def close_window(self) -> None:
        """Click on the cross of the game's window, as a window manager passes it on."""
        (window,) = [w for w in self._display.screen().root.query_tree().children if w.get_wm_name()]
        data = (32, [self._delete_window, X.CurrentTime, 0, 0, 0])
        window.send_event(ClientMessage(window=window, client_type=self._protocols, data=data))
        self._display.sync()

    def _fake(self, kind: int, key: str) -> None:
        code = self._display.keysym_to_keycode(XK.string_to_keysym(key))
        assert code, key
        xtest.fake_input(self._display, kind, code)
        self._display.sync()
