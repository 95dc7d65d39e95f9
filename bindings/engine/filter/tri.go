package filter

// Tri is a truth value of three.
type Tri uint8

// The truth values. The order makes and the smaller and or the larger one.
const (
	False Tri = iota
	Unknown
	True
)

func truth(b bool) Tri {
	if b {
		return True
	}
	return False
}

// not turns False and True round; Unknown stays.
func (t Tri) not() Tri { return True - t }
