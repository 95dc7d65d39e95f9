// Package netnstest gives tests network namespaces of their own, with real
// interfaces, rules and packets.
//
// A package whose tests need the kernel calls [Main] in its TestMain. Then the
// same tests run as root and, through a user namespace, as anyone; where
// neither is possible they are skipped and say why. Nothing a test does with
// this package leaves its namespaces.
//
// It is for tests: the product must not import it.
package netnstest
