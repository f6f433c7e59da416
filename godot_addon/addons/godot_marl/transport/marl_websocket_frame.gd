extends RefCounted
## Encodes a client's WebSocket frame (RFC 6455, section 5.2).

## The opcodes.
enum _Opcode { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG }

## The bit of the first byte that marks a message's last frame.
const FIN := 0x80
## The bit of the second byte that says that the frame is masked.
const MASKED := 0x80


## A complete message as one frame. A client must mask its frames; the mask is zero, because there
## is no proxy to protect.
static func of(opcode: _Opcode, payload: PackedByteArray) -> PackedByteArray:
	var size := payload.size()
	var frame := PackedByteArray()
	if size < 126:
		frame.resize(6)
		frame[1] = MASKED | size
	elif size < 0x10000:
		frame.resize(8)
		frame[1] = MASKED | 126
		frame[2] = size >> 8
		frame[3] = size & 0xFF
	else:
		frame.resize(14)
		frame[1] = MASKED | 127
		for i in 8:
			frame[2 + i] = size >> (56 - 8 * i) & 0xFF
	frame[0] = FIN | opcode
	frame.append_array(payload)
	return frame
