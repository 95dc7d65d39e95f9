package filter

// Expr is a condition: And, Or, *Not, *Cmp, *In, *Glob, *Has or *Flag.
type Expr interface{ at() int }

// And holds where all of its conditions do.
type And []Expr

// Or holds where one of its conditions does.
type Or []Expr

// Not holds where X does not; it is unknown where X is.
type Not struct {
	X   Expr
	Pos int
}

// Cmp compares two values. Op is one of == != < <= > >=.
type Cmp struct {
	Op   string
	L, R Val
	Pos  int // of the operator
}

// In tells whether a value is one of a set.
type In struct {
	X     Val
	Not   bool
	Items []Val // literals, ranges and networks; or one parameter
	Pos   int
}

// Glob matches a text with * and ?.
type Glob struct {
	X       Val
	Pattern string
	Pos     int
}

// Has tells whether the flow has a field.
type Has struct {
	Field string
	Pos   int
}

// Flag is a word that stands alone: a field that is true or false, or a
// protocol.
type Flag struct {
	Name string
	Pos  int
}

func (e And) at() int   { return e[0].at() }
func (e Or) at() int    { return e[0].at() }
func (e *Not) at() int  { return e.Pos }
func (e *Cmp) at() int  { return e.L.at() }
func (e *In) at() int   { return e.X.at() }
func (e *Glob) at() int { return e.X.at() }
func (e *Has) at() int  { return e.Pos }
func (e *Flag) at() int { return e.Pos }

// Val is a value: *Word, *Literal, *Text, *Param, *Call or *Arith.
type Val interface{ at() int }

// Word is a field, or a word whose meaning the other side of the comparison
// gives: tcp, https, ESTABLISHED.
type Word struct {
	Name string
	Pos  int
}

// Literal is a number, address, network, mask, duration, size or range, as
// written.
type Literal struct {
	Raw string
	Pos int
}

// Text is a string in quotes.
type Text struct {
	Value string
	Pos   int
}

// Param stands for a value that is given beside the filter.
type Param struct {
	Name string // without the $
	Pos  int
}

// Call applies a function.
type Call struct {
	Fn   string
	Args []Val
	Pos  int
}

// Arith computes. Op is one of + - * / & |.
type Arith struct {
	Op   string
	L, R Val
	Pos  int // of the operator
}

func (v *Word) at() int    { return v.Pos }
func (v *Literal) at() int { return v.Pos }
func (v *Text) at() int    { return v.Pos }
func (v *Param) at() int   { return v.Pos }
func (v *Call) at() int    { return v.Pos }
func (v *Arith) at() int   { return v.L.at() }
