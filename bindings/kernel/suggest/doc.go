// Package suggest finds the word that somebody meant. It knows nothing of
// what the words are, and must not import anything of ours.
package suggest
