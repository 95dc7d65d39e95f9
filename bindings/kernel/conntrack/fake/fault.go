package fake

// faults are what goes wrong on order.
type faults struct {
	loseNext  int // events
	loseEvery int
	count     int // events since loseEvery was set
	late      int // sends
	cutNext   int // datagrams
	fail      int // datagram of a dump, counted down
	noRoom    int // answer, counted down
	change    int // likewise, where changeBy runs
	changeBy  func(*Kernel)
}

// LoseEvents makes every listener miss the next n events, with the drops and
// the ENOBUFS of an overrun. What comes before the queue is empty is lost too.
func (k *Kernel) LoseEvents(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults.loseNext = n
}

// LoseEveryEvent makes listeners miss every n-th event, none when 0.
func (k *Kernel) LoseEveryEvent(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults.loseEvery, k.faults.count = n, 0
}

// lose decides about one event to one listener.
func (f *faults) lose() bool {
	if f.loseNext > 0 {
		f.loseNext--
		return true
	}
	f.count++
	return f.loseEvery > 0 && f.count%f.loseEvery == 0
}

// DelayAnswers withholds the answers to the next n sends until a receive has
// run into its deadline; then they arrive, late.
func (k *Kernel) DelayAnswers(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults.late = n
}

func (f *faults) hold() bool {
	if f.late > 0 {
		f.late--
		return true
	}
	return false
}

// CutDatagrams cuts the next n answers in half, as a receive buffer that is
// too small does.
func (k *Kernel) CutDatagrams(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults.cutNext = n
}

func (f *faults) cut() bool {
	if f.cutNext > 0 {
		f.cutNext--
		return true
	}
	return false
}

// LoseAnswer loses the n-th answer (from 1) that is made from now on, echoes
// and the datagrams of dumps included, with the ENOBUFS of an overrun. What
// comes before the queue is empty is lost too.
func (k *Kernel) LoseAnswer(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults.noRoom = n
}

func (f *faults) loseAnswer() bool {
	if f.noRoom > 0 {
		f.noRoom--
		return f.noRoom == 0
	}
	return false
}

// FailDump loses the n-th datagram (from 1) that dumps make from now on, with
// ENOBUFS.
func (k *Kernel) FailDump(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults.fail = n
}

// DuringDump changes sysctls before the n-th datagram (from 1) that dumps make
// from now on. With another number of buckets the dump goes on in a table where
// flows have moved: it misses some and sees some twice.
func (k *Kernel) DuringDump(n int, change func(*Sysctls)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.faults.change = n
	k.faults.changeBy = func(k *Kernel) { k.configure(change) }
}

// dumpStep runs before each datagram of a dump and tells whether it is lost.
func (f *faults) dumpStep(k *Kernel) (lost bool) {
	if f.change > 0 {
		if f.change--; f.change == 0 {
			f.changeBy(k)
		}
	}
	if f.fail > 0 {
		f.fail--
		return f.fail == 0
	}
	return false
}

// SetPrivileged gives or takes CAP_NET_ADMIN: without it every request and
// every new listener is EPERM.
func (k *Kernel) SetPrivileged(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.opt.Unprivileged = !on
}

// CloseSockets closes every socket under its user, listeners too. New ones
// can be opened.
func (k *Kernel) CloseSockets() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closeSockets()
}
