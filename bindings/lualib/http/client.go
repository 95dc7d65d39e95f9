package http

import (
	"context"
	"crypto/tls"
	"net"
	nethttp "net/http"
	"sync"
	"time"

	"github.com/ctsh/ctsh/lua/vm"
)

// Options say how servers are reached.
type Options struct {
	// Dial makes connections, as net.Dialer.DialContext does: into another
	// network namespace, say. Nil dials from where the process is.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client is the module of one script. It has its own connections, which are
// kept a while for the next request, until it is closed.
type Client struct {
	vm   *vm.VM
	dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Waits between attempts grow from the first by steps between the two.
	waitMin, waitMax time.Duration

	checked, unchecked *nethttp.Transport // by whether certificates are; made when needed

	ctx    context.Context // ends with the client
	cancel context.CancelFunc
	mu     sync.Mutex // guards open and closed
	open   map[*conn]struct{}
	closed bool
}

func newClient(v *vm.VM, opt Options) *Client {
	c := &Client{vm: v, dial: opt.Dial, waitMin: 100 * time.Millisecond, waitMax: 400 * time.Millisecond, open: map[*conn]struct{}{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if c.dial == nil {
		// The resolver of the C library could not be interrupted.
		d := &net.Dialer{Timeout: 30 * time.Second, Resolver: &net.Resolver{PreferGo: true}}
		c.dial = d.DialContext
	}
	return c
}

// Close ends every connection, and what still makes one. It is for when all
// tasks of the script have ended; a request under way fails.
func (c *Client) Close() {
	c.cancel()
	for _, t := range []*nethttp.Transport{c.checked, c.unchecked} {
		if t != nil {
			t.CloseIdleConnections()
		}
	}
	c.mu.Lock()
	left := c.open
	c.open, c.closed = nil, true
	c.mu.Unlock()
	for conn := range left {
		conn.Conn.Close()
	}
}

// transport returns what carries requests. The turn must be held.
func (c *Client) transport(insecure bool) *nethttp.Transport {
	t := &c.checked
	if insecure {
		t = &c.unchecked
	}
	if *t == nil {
		*t = &nethttp.Transport{
			Proxy:                  nethttp.ProxyFromEnvironment,
			DialContext:            c.connect, // alone it keeps to HTTP/1.1: one request at a time, which ends with its connection
			TLSClientConfig:        &tls.Config{InsecureSkipVerify: insecure},
			TLSHandshakeTimeout:    30 * time.Second,
			MaxIdleConns:           16,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 256 << 10,
		}
	}
	return *t
}

// connect dials until the client is closed, however long the request lives:
// net/http goes on dialling for a request that gave up.
func (c *Client) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	nc, err := c.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	tracked := &conn{Conn: nc, client: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		nc.Close()
		return nil, net.ErrClosed
	}
	c.open[tracked] = struct{}{}
	return tracked, nil
}

// conn is a connection that its client knows of.
type conn struct {
	net.Conn
	client *Client
}

// Close ends the connection, and the client forgets it.
func (c *conn) Close() error {
	c.client.mu.Lock()
	delete(c.client.open, c)
	c.client.mu.Unlock()
	return c.Conn.Close()
}
