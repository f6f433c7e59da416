class_name MarlFrame
extends RefCounted
## How a client writes a frame of WebSocket (RFC 6455, section 5.2).

## The opcodes.
enum Opcode { CONTINUATION, TEXT, BINARY, CLOSE = 8, PING, PONG }

## The bit of the first byte that marks a message's last frame.
const FIN := 0x80
## The bit of the second byte that says that the frame is masked.
const MASKED := 0x80


## A whole message as one frame, masked, as a client's must be, with a mask of zeros: there is no
## proxy here to be protected.
static func of(opcode: Opcode, payload: PackedByteArray) -> PackedByteArray:
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
