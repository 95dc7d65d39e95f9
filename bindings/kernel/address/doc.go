// Package address tells which addresses belong to this machine in a network
// namespace.
//
// [List] reads the addresses of every interface, up or down, as they are at
// that moment; nothing follows their changes. An address that only a route of
// type local makes ours is not one of them, nor is a broadcast or multicast
// address.
//
// The package must not add or remove an address.
package address
