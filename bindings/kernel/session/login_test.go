package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctsh/ctsh/bindings/kernel/netns/netnstest"
)

// roles are what the test program is when it is called by another name: the
// kernel and the search know a program by that.
var roles = map[string]func(args []string) error{"sshd": takeLogins, "dropbear": takeLogins, "ssh": logIn}

func TestMain(m *testing.M) {
	role := roles[filepath.Base(os.Args[0])]
	if role == nil {
		netnstest.Main(m)
	}
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// order is what a client asks of a login, one JSON value each.
type order struct {
	Echo string   // to be sent back, or
	Run  []string // a program with its arguments
	TTY  bool     // it gets a terminal
	Stay bool     // it is left running
}

// answer is what comes back.
type answer struct {
	PID  int // of the login
	Echo string
	Code int
	Err  string
}

// takeLogins is sshd: it listens at the address args[0], and gives each
// connection to a process of its own, as sshd does.
func takeLogins(args []string) error {
	if args[0] == "login" {
		return serveLogin()
	}
	network := "tcp"
	if host, _, _ := net.SplitHostPort(args[0]); host == "0.0.0.0" {
		network = "tcp4" // else it is a socket of version 6
	}
	l, err := net.Listen(network, args[0])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		if err := startLogin(conn.(*net.TCPConn)); err != nil {
			return err
		}
	}
}

// startLogin hands the connection to a process of its own, which begins once
// nobody else holds it.
func startLogin(conn *net.TCPConn) error {
	remote, local := conn.RemoteAddr().(*net.TCPAddr), conn.LocalAddr().(*net.TCPAddr)
	cmd := exec.Command(os.Args[0], "login")
	cmd.Env = append(os.Environ(), fmt.Sprintf("SSH_CONNECTION=%s %d %s %d", remote.IP, remote.Port, local.IP, local.Port))
	cmd.Stderr = os.Stderr
	begin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer begin.Close()
	f, err := conn.File()
	_ = conn.Close()
	if err != nil {
		return err
	}
	defer f.Close()
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

// serveLogin holds the connection and carries out what comes over it.
func serveLogin() error {
	unix.CloseOnExec(3) // what it runs does not hold the connection
	if _, err := io.ReadAll(os.Stdin); err != nil {
		return err
	}
	conn, err := net.FileConn(os.NewFile(3, "connection"))
	if err != nil {
		return err
	}
	_ = unix.Close(3)
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		a := answer{PID: os.Getpid(), Echo: o.Echo}
		if len(o.Run) > 0 {
			a.Code, err = o.run()
			if err != nil {
				a.Err = err.Error()
			}
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

func (o order) run() (code int, err error) {
	cmd := exec.Command(o.Run[0], o.Run[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if o.TTY {
		master, terminal, err := openTerminal()
		if err != nil {
			return 0, err
		}
		defer terminal.Close()
		go func() { // until the last that runs there has closed it
			_, _ = io.Copy(io.Discard, master)
			_ = master.Close()
		}()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
		cmd.SysProcAttr.Setctty = true
	}
	if err := cmd.Start(); err != nil || o.Stay {
		go func() { _ = cmd.Wait() }()
		return 0, err
	}
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), nil
}

func openTerminal() (master, terminal *os.File, err error) {
	if master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	return master, terminal, err
}

// logIn is ssh: it logs in at the address args[0] and runs the rest there.
func logIn(args []string) error {
	conn, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	a, err := ask(conn, order{Run: args[1:]})
	if err == nil && a.Code != 0 {
		err = fmt.Errorf("code %d", a.Code)
	}
	return err
}

// ask sends an order and waits for what comes back.
func ask(conn net.Conn, o order) (a answer, err error) {
	if err := json.NewEncoder(conn).Encode(o); err != nil {
		return a, err
	}
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return a, err
	}
	if a.Err != "" {
		return a, errors.New(a.Err)
	}
	return a, nil
}
