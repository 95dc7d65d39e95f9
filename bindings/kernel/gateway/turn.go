package gateway

import (
	"fmt"
	"os"
	"time"

	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// Speak lets a side speak, after a pause if somebody does.
func (s *Stream) Speak(side Side) {
	s.Pause()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.speaker, s.talking, s.last, s.unheard = side, true, time.Now(), 0
	s.quit, s.silent = make(chan struct{}), make(chan struct{})
	s.work.Add(1)
	go s.speak(side, s.quit, s.silent)
}

// Pause silences the stream and waits until nothing is under way: every block
// came back, and each end has the acknowledgement of all that it sent, so that
// the next packet is the first of the next to speak. Datagrams that are lost
// are waited for as long as the patience is. It is false when the stream ended
// before that.
func (s *Stream) Pause() bool {
	s.mu.Lock()
	quit, silent := s.quit, s.silent
	s.quit = nil
	s.mu.Unlock()
	if quit != nil {
		close(quit)
		<-silent
	}
	if !s.allBack() {
		return false
	}
	for _, e := range s.ends {
		for {
			settled, err := e.settled()
			if settled {
				break
			}
			select {
			case <-s.done:
				return false
			case <-time.After(time.Millisecond):
			}
			if err != nil {
				s.end(Broken, err)
				return false
			}
		}
	}
	return true
}

// allBack waits until every block that was sent came back.
func (s *Stream) allBack() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := false
	if s.talk.Proto == wire.ProtoUDP {
		timer := time.AfterFunc(s.talk.Patience, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			late = true
			s.news.Broadcast()
		})
		defer timer.Stop()
	}
	for s.stats.Blocks < s.stats.Sent && !s.ended && !late {
		s.news.Wait()
	}
	s.talking = false
	return !s.ended
}

// speak sends blocks until told to be silent.
func (s *Stream) speak(side Side, quit <-chan struct{}, silent chan<- struct{}) {
	defer s.work.Done()
	defer close(silent)
	var tick <-chan time.Time
	if s.talk.Rate > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(s.talk.Rate))
		defer ticker.Stop()
		tick = ticker.C
	}
	b := make([]byte, headerLen+s.talk.Size)
	for s.room(quit, tick) {
		makeBlock(b, s.id, s.number())
		if err := s.ends[side].write(b); err != nil {
			s.fail(side, "send", err)
			return
		}
	}
}

// room waits until the next block may be sent. It is false when none may.
func (s *Stream) room(quit <-chan struct{}, tick <-chan time.Time) bool {
	if s.talk.Rate > 0 {
		select {
		case <-tick:
		case <-quit:
			return false
		case <-s.done:
			return false
		}
	}
	if s.under == nil {
		return s.patient()
	}
	select {
	case s.under <- struct{}{}:
		return true
	case <-quit:
		return false
	case <-s.done:
		return false
	}
}

// patient ends a stream of datagrams when none came back for too long: no
// kernel watches over them. Time alone proves nothing, as this process may have
// been the one that slept.
func (s *Stream) patient() bool {
	s.mu.Lock()
	mute, unheard := time.Since(s.last), s.unheard
	s.mu.Unlock()
	if mute <= s.talk.Patience || unheard < 3 {
		return true
	}
	s.end(Timeout, fmt.Errorf("no datagram came back for %v: %w", mute.Round(time.Millisecond), os.ErrDeadlineExceeded))
	return false
}

// number counts a block that is about to be sent.
func (s *Stream) number() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Sent++
	s.unheard++
	return uint64(s.stats.Sent - 1)
}

// hear takes what comes in at one end: it sends blocks back and counts those
// that came back.
func (s *Stream) hear(side Side) {
	defer s.work.Done()
	for {
		b, err := s.ends[side].read()
		if err != nil {
			s.fail(side, "receive", err)
			return
		}
		k, number, err := readBlock(b, s.id, s.talk.Size)
		if err == nil {
			err = s.count(side, k, number)
		}
		if err != nil {
			s.end(Broken, fmt.Errorf("receive at the %s: %w", side, err))
			return
		}
		if k == kindEcho {
			continue
		}
		setKind(b, kindEcho)
		if err := s.ends[side].write(b); err != nil {
			s.fail(side, "send back", err)
			return
		}
	}
}

// count accounts for a block that came in. TCP brings all of them in order,
// blocks to one side and echoes to the other; datagrams may be lost.
func (s *Stream) count(side Side, k kind, number uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := &s.stats.Heard
	if k == kindEcho {
		at = &s.stats.Blocks
	}
	switch {
	case number >= uint64(s.stats.Sent):
		return fmt.Errorf("block %d came, %d were sent", number, s.stats.Sent)
	case s.under != nil && (side == s.speaker) != (k == kindEcho):
		return fmt.Errorf("block %d came to the wrong side", number)
	case s.under != nil && number != uint64(*at):
		return fmt.Errorf("block %d came, want %d", number, *at)
	}
	*at++
	if k == kindEcho {
		now := time.Now()
		s.stats.Stall = max(s.stats.Stall, now.Sub(s.last))
		s.last, s.unheard = now, 0
		if s.under != nil {
			<-s.under
		}
		s.news.Broadcast()
	}
	return nil
}
