// Package gateway passes real traffic through real rules: a client, a router
// and a server, each a network namespace, joined by two links, with streams
// between client and server whose content is checked both ways.
//
//	client 10.1.0.2 ---- 10.1.0.1 router 10.2.0.1 ---- 10.2.0.2 server
//	     fd00:1::2       fd00:1::1    fd00:2::1         fd00:2::2
//
// [New] builds it for one [Place]: which of them tracks connections and under
// what rules. What becomes of a live stream whose flow is deleted, banned or
// brought back depends on that place, and on who speaks next; so a [Stream]
// can fall silent ([Stream.Pause]) until nothing is under way any more and go
// on from either side ([Stream.Speak]). [Stream.Stats] tells how it fares.
//
//	g := gateway.New(t, gateway.Strict)
//	s, err := g.Stream(ctx, gateway.Talk{Rate: 100})
//	s.Await(10)   // ten blocks came back whole
//	s.Pause()     // silence
//	...           // delete its flow, s.Tuple(), through g.Kernel()
//	s.Speak(gateway.Server)
//	alive := s.Await(5)
//
// It needs the commands ip and nft and what package netnstest needs, and skips
// the test where they are missing. Streams are sockets of this process, no
// child outlives New, and all that a test made ends with it.
//
// The package is for tests and benchmarks: programs must not import it, and it
// must not touch a namespace that it did not make.
package gateway
