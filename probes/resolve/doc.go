// Package resolve asks the DNS iteratively, from the root hints down, over
// IPv4, IPv6 or both, and knows nothing of validation.
//
// A Resolver lives for one run. In that time it asks no question twice: zones,
// server addresses, server health, answers and delegations' DS records are kept
// and shared, and equal questions asked at once share one look-up. Nothing is
// refreshed by TTL; a new run takes a new Resolver.
//
// What it does not believe: records outside the zone asked (bailiwick), glue
// for names outside the parent, answers of servers without authority while
// another server has it, messages with another id or question.
package resolve
