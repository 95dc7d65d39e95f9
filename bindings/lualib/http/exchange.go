package http

import (
	"context"
	"io"
	nethttp "net/http"
	"strings"
	"time"

	retryablehttp "github.com/hashicorp/go-retryablehttp"
)

// maxRedirects is how often an answer may point elsewhere.
const maxRedirects = 5

// exchange is one request on its way, with all of its attempts.
type exchange struct {
	*request
	client   *Client
	next     nethttp.RoundTripper
	attempts int
	wait     time.Duration // before the next attempt
}

// newExchange is called with the turn held.
func (c *Client) newExchange(r *request) *exchange {
	return &exchange{request: r, client: c, next: c.transport(r.insecure)}
}

// run sends the request until there is an answer to keep.
func (x *exchange) run(ctx context.Context) (*response, error) {
	limited, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	res, err := x.send(limited)
	if err != nil {
		return nil, x.failed(ctx, limited, err)
	}
	defer res.Body.Close()
	b := res.Body.(*body)
	return &response{status: res.StatusCode, header: res.Header, body: b.text, truncated: b.truncated}, nil
}

// send returns the last answer, also where that asks to try again.
func (x *exchange) send(ctx context.Context) (*nethttp.Response, error) {
	var content any // nil is no body, which a nil []byte in it would not be
	if x.body != nil {
		content = x.body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, x.method, x.url.String(), content)
	if err != nil {
		return nil, err
	}
	req.Header, req.Host = x.header, x.host
	c := retryablehttp.Client{
		HTTPClient:   &nethttp.Client{Transport: x, CheckRedirect: x.redirect},
		RetryMax:     x.retry,
		CheckRetry:   x.again,
		Backoff:      func(time.Duration, time.Duration, int, *nethttp.Response) time.Duration { return x.wait },
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return c.Do(req)
}

// RoundTrip sends one request and reads its answer to the end or the cap, so
// that a connection which breaks meanwhile counts as an attempt that failed.
func (x *exchange) RoundTrip(req *nethttp.Request) (*nethttp.Response, error) {
	res, err := x.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == nethttp.StatusSwitchingProtocols {
		res.Body.Close() // what follows would be of no length and obey no context
		return nil, errSwitched
	}
	b, err := readBody(res.Body, x.cap)
	if err != nil {
		return nil, err
	}
	res.Body = b
	return res, nil
}

// body is the body of an answer that was read already.
type body struct {
	io.Reader
	text      string
	truncated bool
}

// Close does nothing: the connection is done with.
func (b *body) Close() error { return nil }

func readBody(from io.ReadCloser, most int64) (*body, error) {
	defer from.Close()
	content, err := io.ReadAll(io.LimitReader(from, most+1))
	if err != nil {
		return nil, err
	}
	b := &body{truncated: int64(len(content)) > most}
	b.text = string(content[:min(int64(len(content)), most)])
	b.Reader = strings.NewReader(b.text)
	return b, nil
}

// redirect decides whether to go where an answer points. The script's headers
// may hold a secret, which only the host that it asked may see.
func (x *exchange) redirect(req *nethttp.Request, via []*nethttp.Request) error {
	first := via[0].URL
	req.Header.Del("Referer") // it may hold one, too
	switch {
	case len(via) > maxRedirects:
		return errRedirects
	case req.URL.Scheme != first.Scheme:
		return &schemeError{from: first.Scheme, to: req.URL.Scheme}
	case req.URL.Host != first.Host:
		for _, name := range x.own {
			req.Header.Del(name)
		}
	}
	return nil
}

// again decides whether to try again.
func (x *exchange) again(ctx context.Context, res *nethttp.Response, err error) (bool, error) {
	x.attempts++
	again, _ := retryablehttp.DefaultRetryPolicy(ctx, res, err)
	return again && !final(err) && x.hasTime(ctx, res), nil
}

// hasTime sets after how long to try again, and tells whether the time that is
// left is longer. If not, there is no point in waiting: what came so far is the
// answer.
func (x *exchange) hasTime(ctx context.Context, res *nethttp.Response) bool {
	wait := retryablehttp.RateLimitLinearJitterBackoff(x.client.waitMin, x.client.waitMax, x.attempts-1, res)
	x.wait = max(wait, x.client.waitMin)
	limit, _ := ctx.Deadline()
	return wait >= 0 && x.wait < time.Until(limit) // a Retry-After that no clock can hold is less than 0
}
