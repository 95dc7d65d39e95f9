package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	nethttp "net/http"
	"net/url"
	"syscall"

	"github.com/ctsh/ctsh/lua/escape"
	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/unit"
)

var (
	errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)
	errSwitched  = errors.New("the server switched to another protocol, which nobody asked for")
)

// schemeError is a redirect to another scheme.
type schemeError struct{ from, to string }

func (e *schemeError) Error() string {
	return fmt.Sprintf("redirect from %s to %s, which is not followed", e.from, escape.Terminal(e.to))
}

// final tells whether another attempt would fail in the same way.
func final(err error) bool {
	var scheme *schemeError
	var certificate *tls.CertificateVerificationError
	var lookup *net.DNSError
	return errors.Is(err, errRedirects) || errors.Is(err, errSwitched) || errors.Is(err, nethttp.ErrSchemeMismatch) ||
		errors.As(err, &scheme) || errors.As(err, &certificate) || errors.As(err, &lookup) && lookup.IsNotFound
}

// failed makes an error for scripts of the one that ended the last attempt. It
// names the host only: a path or query may hold a secret. ctx is that of the
// evaluation, limited has the time limit of the request.
func (x *exchange) failed(ctx, limited context.Context, err error) error {
	if stopped := luaerr.Interrupted(ctx); stopped != nil {
		return stopped
	}
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	e := luaerr.From(x.op, err)
	if limited.Err() != nil {
		e = luaerr.New(luaerr.ETIMEDOUT, x.op, "no answer within %s", unit.FormatDuration(x.timeout.Seconds()))
	}
	e.Msg = escape.Terminal(x.url.Host + ": " + e.Msg)
	if x.attempts > 1 {
		e.Msg += fmt.Sprintf(" (%d attempts)", x.attempts)
	}
	classify(e, err)
	return e
}

// classify gives an error the code and hint that its kind has.
func classify(e *luaerr.Error, err error) {
	var scheme *schemeError
	var certificate *tls.CertificateVerificationError
	var lookup *net.DNSError
	switch {
	case errors.Is(err, errRedirects):
		e.Code = "ELOOP"
	case errors.As(err, &scheme):
		e.Code = luaerr.ENOTSUP
		e.Hint = "ask for the " + scheme.to + " URL itself"
		if scheme.to != "http" && scheme.to != "https" {
			e.Hint = ""
		}
	case errors.As(err, &certificate):
		e.Code, e.Hint = "EPROTO", "insecure = true skips the check of the certificate"
	case errors.As(err, &lookup) && lookup.IsNotFound:
		e.Code = luaerr.ENOENT
	case errors.Is(err, nethttp.ErrSchemeMismatch):
		e.Code, e.Hint = "EPROTO", "did you mean http://?"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Hint = "is anything listening there?"
	}
}
