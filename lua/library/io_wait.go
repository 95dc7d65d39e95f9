package library

import (
	"context"
	"io"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// await waits, without the turn, for a result or the end of the evaluation,
// which is the error.
func await[T any](l *ioLib, L *lua.LState, done <-chan T) (result T, err error) {
	ctx := L.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	l.Block(func() {
		select {
		case result = <-done:
		case <-ctx.Done():
			err = luaerr.Interrupted(ctx)
		}
	})
	return result, err
}

// slowReader reads from what may keep it waiting, in a goroutine. What comes
// in after an interruption is there for the next read.
type slowReader struct {
	r       io.Reader
	lib     *ioLib
	L       *lua.LState // of the call under way
	pending chan chunk
	rest    chunk
}

type chunk struct {
	data []byte
	err  error
}

// Read implements [io.Reader].
func (s *slowReader) Read(p []byte) (int, error) {
	if len(s.rest.data) == 0 && s.rest.err == nil {
		if err := s.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest.data)
	s.rest.data = s.rest.data[n:]
	if len(s.rest.data) > 0 {
		return n, nil
	}
	err := s.rest.err
	s.rest.err = nil
	return n, err
}

func (s *slowReader) fetch() error {
	const size = 4096
	if s.pending == nil {
		pending := make(chan chunk, 1)
		s.pending = pending
		go func() {
			b := make([]byte, size)
			n, err := s.r.Read(b)
			pending <- chunk{b[:n], err}
		}()
	}
	got, err := await(s.lib, s.L, s.pending)
	if err != nil {
		return err
	}
	s.pending, s.rest = nil, got
	return nil
}
