package filter

import (
	"github.com/ctsh/ctsh/bindings/engine/field"
	"github.com/ctsh/ctsh/bindings/kernel/conntrack/wire"
)

// naive evaluates an expression the plain way: by the text of the fields and
// without a shortcut.
func naive(e Expr, row *field.Row) Tri {
	switch e := e.(type) {
	case And:
		t := True
		for _, x := range e {
			t = min(t, naive(x, row))
		}
		return t
	case Or:
		t := False
		for _, x := range e {
			t = max(t, naive(x, row))
		}
		return t
	case *Not:
		return True - naive(e.X, row)
	case *Has:
		_, ok := value(e.Field, row)
		return truth(ok)
	case *Flag:
		if f, ok := field.Flow.Lookup(e.Name); ok {
			v, has := f.Of(row)
			if !has {
				return Unknown
			}
			return truth(v.On)
		}
		return truth(wire.ProtoName(row.Need(field.PartAll).Orig.Proto) == e.Name)
	case *Cmp:
		return naiveCmp(e, row)
	case *In:
		t := naiveIn(e, row)
		if e.Not {
			return True - t
		}
		return t
	}
	panic("not made by filtertest")
}

func value(name string, row *field.Row) (field.Value, bool) {
	f, _ := field.Flow.Lookup(name)
	return f.Of(row)
}
