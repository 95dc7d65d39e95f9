package session

import "testing"

func TestParseUnix(t *testing.T) {
	const num = "0000000041e54936: 00000003 00000000 "
	for text, want := range map[string]unixEntry{
		num + "00000000 0001 03  1144\n":                      {inode: 1144, connected: true},
		num + "00010000 0001 01 55617 /tmp/tmux-0/gd\n":       {inode: 55617, listens: true, path: "/tmp/tmux-0/gd"},
		num + "00000000 0002 01 18446744073709551615 @a b  c": {inode: 1<<64 - 1, path: "@a b  c"},
	} {
		if k, ok := parseUnix([]byte(text)); !ok || k != want {
			t.Errorf("%q: %+v %t", text, k, ok)
		}
	}
	for _, text := range []string{
		"", "\n", "Num       RefCount Protocol Flags    Type St Inode Path\n", "second line of a path\n",
		"0000000041e54936 00000003 00000000 00000000 0001 03 1144\n", num + "00000000 0001 03\n",
		num + "0000000x 0001 03 1144\n", num + "00000000 0001 100 1144\n", num + "00000000 0001 03 -1\n", num + "00000000 0001 03 x /a\n",
	} {
		if k, ok := parseUnix([]byte(text)); ok || k != (unixEntry{}) {
			t.Errorf("%q: %+v %t", text, k, ok)
		}
	}
}
