package line

import "unicode/utf8"

// Keys in the single-byte form the editor understands.
const (
	keyHome      = 0x01 // Ctrl-A
	keyLeft      = 0x02 // Ctrl-B
	keyInterrupt = 0x03 // Ctrl-C
	keyEOF       = 0x04 // Ctrl-D: end of file, or delete to the right
	keyEnd       = 0x05 // Ctrl-E
	keyRight     = 0x06 // Ctrl-F
	keyTab       = 0x09
	keyDown      = 0x0e // Ctrl-N
	keyUp        = 0x10 // Ctrl-P
	keySearch    = 0x12 // Ctrl-R: search backwards
	keySearchFwd = 0x13 // Ctrl-S
	keySuspend   = 0x1a // Ctrl-Z
	keyEscape    = 0x1b
)

// tab is what the Tab key types: the editor would count a real tab as one
// column and lose the cursor.
const tab = "    "

// key is one key stroke: the bytes the editor gets for it.
type key struct {
	bytes  []byte
	delete bool // the Delete key, which shares its byte with Ctrl-D
}

// decode takes the first key off raw terminal input. It returns how many bytes
// it used; 0 means the input ends inside a sequence and more is needed. A key
// without bytes is one the editor must not see.
func decode(in []byte) (key, int) {
	if len(in) == 0 {
		return key{}, 0
	}
	switch in[0] {
	case 0, keySuspend:
		return key{}, 1
	case keyTab:
		return key{bytes: []byte(tab)}, 1
	case keyEscape:
		return decodeEscape(in)
	}
	if !utf8.FullRune(in) {
		return key{}, 0
	}
	_, n := utf8.DecodeRune(in)
	return key{bytes: in[:n:n]}, n
}

// decodeEscape decodes a sequence that starts with ESC.
func decodeEscape(in []byte) (key, int) {
	if len(in) < 2 {
		return key{}, 0
	}
	switch in[1] {
	case '[':
		for i := 2; i < len(in); i++ {
			if in[i] >= 0x40 && in[i] <= 0x7e { // final byte (ECMA-48, 5.4)
				return control(string(in[2:i]), in[i]), i + 1
			}
			if in[i] < 0x20 || in[i] > 0x7e { // not a sequence after all
				return key{}, i
			}
		}
		if len(in) > 32 {
			return key{}, len(in)
		}
		return key{}, 0
	case 'O':
		if len(in) < 3 {
			return key{}, 0
		}
		return control("", in[2]), 3
	case 'b', 'f', 'd', 0x7f: // word left, word right, delete word, rub out word
		return key{bytes: in[:2:2]}, 2
	case keyEscape:
		return key{}, 1
	default:
		if in[1] < 0x20 {
			return key{}, 1 // ESC pressed alone, then a control key
		}
		return key{}, 2
	}
}

// control maps a control sequence to the key it stands for. xterm, the Linux
// console, rxvt and tmux differ in Home and End; all their forms are here.
func control(params string, final byte) key {
	one := func(b byte) key { return key{bytes: []byte{b}} }
	word := params == "1;5" || params == "1;3" // with Ctrl or Alt held
	switch {
	case final == 'A':
		return one(keyUp)
	case final == 'B':
		return one(keyDown)
	case final == 'C' && word:
		return key{bytes: []byte{keyEscape, 'f'}}
	case final == 'D' && word:
		return key{bytes: []byte{keyEscape, 'b'}}
	case final == 'C':
		return one(keyRight)
	case final == 'D':
		return one(keyLeft)
	case final == 'H', final == '~' && (params == "1" || params == "7"):
		return one(keyHome)
	case final == 'F', final == '~' && (params == "4" || params == "8"):
		return one(keyEnd)
	case final == '~' && params == "3":
		return key{bytes: []byte{keyEOF}, delete: true}
	}
	return key{}
}
