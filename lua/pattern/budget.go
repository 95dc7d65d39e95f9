package pattern

import "errors"

// Budget bounds what matching may cost. One can serve many calls, which then
// share it.
type Budget struct {
	// Steps are left; one is about a byte looked at and takes a few nanoseconds.
	Steps int
	// Stop is asked every few thousand steps, unless it is nil. An error of it
	// ends the match and is what Find returns.
	Stop func() error

	ahead int  // steps taken out of Steps and not used yet
	begun bool // the first portion was handed out, for which Stop is not asked
}

// ErrTooComplex is what matching ends with when the budget is spent.
var ErrTooComplex = errors.New("pattern too complex for this subject")

// portion is how many steps are handed out at a time.
const portion = 4096

// Spend takes n steps.
func (b *Budget) Spend(n int) error {
	if b.ahead -= n; b.ahead >= 0 {
		return nil
	}
	return b.refill()
}

// refill hands out the next portion where more steps were taken than there were.
func (b *Budget) refill() error {
	if b.begun && b.Stop != nil {
		if err := b.Stop(); err != nil {
			return err
		}
	}
	b.begun = true
	n := min(b.Steps, max(portion, -b.ahead))
	b.Steps -= n
	if b.ahead += n; b.ahead < 0 {
		b.ahead = 0
		return ErrTooComplex
	}
	return nil
}
