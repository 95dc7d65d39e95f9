package main

// start measures how long the smallest runs take.
func (b *bench) start() error {
	w, err := b.newWorld(0)
	if err != nil {
		return err
	}
	defer w.close()
	runs := b.runs
	b.runs = 10 * runs // a run takes a millisecond
	t, err := b.alternate(
		contender{run: func() error { return w.silent(b.ctsh, "-e", "") }},
		contender{run: func() error { return w.silent(b.ctsh, "version") }},
		contender{run: func() error { return w.silent("conntrack", "--version") }})
	b.runs = runs
	if err != nil {
		return err
	}
	empty := row{Name: "ctsh -e ''", Ours: t[0], Unit: "s", Peer: t[2], Versus: "conntrack --version"}
	version := row{Name: "ctsh version", Ours: t[1], Unit: "s", Peer: t[2], Versus: "conntrack --version"}
	b.rows = append(b.rows,
		empty.budget("<= 5 ms, <= 4 x peer", t[0] <= 5e-3 && t[0] <= 4*t[2]),
		version.budget("<= 3 ms", t[1] <= 3e-3))
	return nil
}
