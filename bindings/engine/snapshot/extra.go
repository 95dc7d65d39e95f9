package snapshot

import "github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"

// beyond are the parts that stand in a wire.Entry only.
const beyond = wire.HasMaster | wire.HasSeqAdj | wire.HasSynProxy | wire.HasSecCtx | wire.HasEventTime

// extraAttrs are the attributes that may have more than a wire.Flow holds.
var extraAttrs = [...]int{
	wire.AttrHelp, wire.AttrTupleMaster, wire.AttrSeqAdjOrig, wire.AttrSeqAdjReply,
	wire.AttrSynProxy, wire.AttrSecCtx, wire.AttrEventTime,
}

// extra is what a wire.Flow cannot hold of flow number of. Texts are numbers of
// words, so that it has no pointer either.
type extra struct {
	eventAt  uint64
	master   wire.Tuple
	seqAdj   [2]wire.SeqAdj
	synProxy wire.SynProxy
	of       uint32
	secCtx   uint32
	helper   uint32 // its whole name
	helpInfo uint32
}

// plainView tells whether a wire.Flow holds all of a message.
func plainView(v *wire.View) bool {
	for _, typ := range extraAttrs {
		if v.Has(typ) {
			return false
		}
	}
	return true
}

// plainEntry tells whether a wire.Flow holds all of e. The name of a helper
// gets lost where its number is that of all further ones.
func plainEntry(e *wire.Entry) bool {
	return e.Present&beyond == 0 && len(e.HelpInfo) == 0 &&
		(e.Helper == "" && e.Flow.Helper == 0 || e.Helper == e.Flow.Helper.String())
}

// addExtra keeps what is more in e than its Flow, for flow i.
func (s *Snapshot) addExtra(i int, e *wire.Entry) {
	*s.extras.add() = extra{
		of: uint32(i), eventAt: e.EventAt, master: e.Master, seqAdj: e.SeqAdj, synProxy: e.SynProxy,
		secCtx: s.words.number(e.SecCtx), helper: s.words.number(e.Helper), helpInfo: s.words.number(string(e.HelpInfo)),
	}
}

// whole puts flow x.of together again. It overwrites e.
func (s *Snapshot) whole(x *extra, e *wire.Entry) {
	*e = wire.Entry{
		Flow: *s.flows.at(int(x.of)), EventAt: x.eventAt, Master: x.master, SeqAdj: x.seqAdj, SynProxy: x.synProxy,
		SecCtx: s.words.text(x.secCtx), Helper: s.words.text(x.helper),
	}
	if x.helpInfo != 0 {
		e.HelpInfo = []byte(s.words.text(x.helpInfo))
	}
}

// extraOf returns what is kept beside flow i, nil for nothing. Extras are in
// the order of their flows.
func (s *Snapshot) extraOf(i int) *extra {
	lo, hi := 0, s.extras.n
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if int(s.extras.at(mid).of) < i {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < s.extras.n && int(s.extras.at(lo).of) == i {
		return s.extras.at(lo)
	}
	return nil
}

// sameExtra tells whether the fields of what is kept beside two flows are the
// same, if those of the flows are.
func (s *Snapshot) sameExtra(i int, other *Snapshot, j int) bool {
	if s.flows.at(i).Present&(wire.HasMaster|wire.HasSecCtx) == 0 {
		return true
	}
	x, y := s.extraOf(i), other.extraOf(j)
	return x.master == y.master && s.words.text(x.secCtx) == other.words.text(y.secCtx)
}

// words are texts by number, each kept once: the flows of a machine have few
// security contexts and helpers. Number 0 is the empty text.
type words struct {
	list   []string
	byText map[string]uint32
}

func (w *words) number(s string) uint32 {
	if s == "" {
		return 0
	}
	if n, ok := w.byText[s]; ok {
		return n
	}
	if w.byText == nil {
		w.byText = map[string]uint32{}
	}
	w.list = append(w.list, s)
	n := uint32(len(w.list))
	w.byText[s] = n
	return n
}

func (w *words) text(n uint32) string {
	if n == 0 {
		return ""
	}
	return w.list[n-1]
}
