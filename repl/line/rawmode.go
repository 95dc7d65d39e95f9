package line

import (
	"sync"

	"golang.org/x/sys/unix"
)

// rawMode switches a terminal between the mode it was found in and one in
// which every key arrives at once. Output processing stays on, so that a "\n"
// written meanwhile still starts a new line at column one.
type rawMode struct {
	fd    int
	mu    sync.Mutex
	found *unix.Termios // nil while not raw
}

func (m *rawMode) enter() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.found != nil {
		return nil
	}
	found, err := unix.IoctlGetTermios(m.fd, unix.TCGETS)
	if err != nil {
		return err
	}
	raw := *found
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag &^= unix.CSIZE | unix.PARENB
	raw.Cflag |= unix.CS8
	raw.Cc[unix.VMIN] = 1
	raw.Cc[unix.VTIME] = 0
	if err := unix.IoctlSetTermios(m.fd, unix.TCSETS, &raw); err != nil {
		return err
	}
	m.found = found
	return nil
}

// exit may come twice at once: from the line that ends and from Close.
func (m *rawMode) exit() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.found == nil {
		return nil
	}
	err := unix.IoctlSetTermios(m.fd, unix.TCSETS, m.found)
	m.found = nil
	return err
}

// width returns the columns of the terminal, 80 when it does not know: a
// terminal of 0x0 is what containers and serial lines report.
func width(fd int) int {
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 80
	}
	return int(size.Col)
}
