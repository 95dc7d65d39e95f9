package session

import "testing"

// As the kernel writes them, with numbers that need both parts of the device.
func TestTerminalOf(t *testing.T) {
	for text, want := range map[string]int{
		"4242 (bash) S 4241 4242 4242 34816 4242 4194304 1 2\n":      0,
		"4242 (bash) S 4241 4242 4242 34819 4242 4194304 1 2\n":      3,
		"4242 (a) S 1 2) R) S 4241 4242 4242 1083436 4242 4194304\n": 300,
		"4242 (bash) S 4241 4242 4242 1025 4242 4194304 1 2\n":       -1, // /dev/tty1
		"4242 (bash) S 4241 4242 4242 0 -1 4194304 1 2\n":            -1,
		"4242 (bash) S 4241 4242 4242 -34816 -1 4194304 1 2\n":       -1,
		"4242 (bash) S 4241 4242 4242":                               -1,
		"34816 34816 34816 34816 34816":                              0, // of which nothing is known but the order
		"":                                                           -1,
	} {
		n, ok := terminalOf([]byte(text))
		if ok != (want >= 0) || ok && n != uint64(want) {
			t.Errorf("%q: %d %t", text, n, ok)
		}
	}
}

func TestEndOf(t *testing.T) {
	for link, want := range map[string]end{
		"socket:[77]":                   {socket, 77},
		"socket:[18446744073709551615]": {socket, 1<<64 - 1},
		"/dev/pts/0":                    {slave, 0},
		"/dev/pts/300":                  {slave, 300},
	} {
		if e, ok := endOf(link); !ok || e != want {
			t.Errorf("%q: %v %t", link, e, ok)
		}
	}
	for _, link := range []string{"", "socket:[0]", "socket:[x]", "socket:[77", "socket:77]", "socket:[18446744073709551616]", "/dev/pts/",
		"/dev/pts/ptmx", "/dev/pts/3 (deleted)", "/dev/pts/-1", "/dev/pts/4294967296", "/dev/null", "pipe:[77]", "/tmp/dev/pts/3"} {
		if e, ok := endOf(link); ok {
			t.Errorf("%q: %v", link, e)
		}
	}
	for text, want := range map[string]int{"pos:\t0\ntty-index:\t12\n": 12, "tty-index:\t0": 0, "tty-index:\tx\n": -1, "pos:\t0\n": -1, "": -1, "x tty-index:\t1\n": -1} {
		if n, ok := masterOf([]byte(text)); ok != (want >= 0) || ok && n != uint64(want) {
			t.Errorf("%q: %d %t", text, n, ok)
		}
	}
}
