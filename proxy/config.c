/* config.c -- the pieces of a configuration, and whether they fit together.
 *
 * How they are written in a file is config_yaml.c's business.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config_parts.h"

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

#define LANE_LEAST (64u << 10) /* less holds no frame worth delaying */

/* Words that mean something else in a rule. */
static const char *const reserved[] = {"master",   "replica", "sentinel", "client",
                                       "requests", "replies", "both",     "on",
                                       "when",     "do",      "for",      NULL};

/* Those of them that stand for somebody. */
static const char *const somebody[] = {"master", "replica", "sentinel", "client", NULL};

static const char *const kinds[] = {"redis", "sentinel", NULL};
static const char *const ways_down[] = {"reset", "refuse", NULL};

uint64_t config_draw_seed(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return ((uint64_t)t.tv_nsec << 20 ^ (uint64_t)t.tv_sec ^ (uint64_t)getpid()) %
           1000000000;
}

void config_init(struct config *c)
{
    *c = (struct config){
        .lane_limit = UINT64_C(8) << 20,
        .total_limit = UINT64_C(512) << 20,
        .session_limit = 20000,
        .connect_timeout = SEC(5),
    };
}

static void release_texts(char **text, size_t n)
{
    while (n > 0)
        free(text[--n]);
    free(text);
}

static void release_party(struct config_party *p)
{
    release_texts(p->hosts, p->nhosts);
    release_texts(p->said, p->nsaid);
    free(p->sources);
}

void config_release(struct config *c)
{
    for (size_t i = 0; i < c->nnodes; i++)
        release_party(&c->nodes[i].party);
    for (size_t i = 0; i < c->nclients; i++)
        release_party(&c->clients[i]);
    for (size_t i = 0; i < c->nrules; i++)
        rule_unref(&c->rules[i]);
    free(c->nodes);
    free(c->clients);
    free(c->rules);
    free(c->rule_places);
    free(c->journal);
    free(c->replay);
    free(c->domain);
    config_init(c);
}

static int find(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

/* pieces */

/* Room for one more behind n. The old array stays valid when there is none. */
static void *grown(void *array, size_t n, size_t size, struct err *e)
{
    void *more = realloc(array, (n + 1) * size);

    if (more == NULL)
        err_set(e, -ENOMEM, "out of memory");
    else
        memset((char *)more + n * size, 0, size);
    return more;
}

struct config_node *config_new_node(struct config *c, struct err *e)
{
    struct config_node *more = grown(c->nodes, c->nnodes, sizeof *more, e);

    if (more == NULL)
        return NULL;
    c->nodes = more;
    return &more[c->nnodes++];
}

struct config_party *config_new_client(struct config *c, struct err *e)
{
    struct config_party *more = grown(c->clients, c->nclients, sizeof *more, e);

    if (more == NULL)
        return NULL;
    c->clients = more;
    return &more[c->nclients++];
}

int config_set_name(struct config_party *p, const char *text, struct err *e)
{
    size_t n = strlen(text);

    if (n == 0 || n >= sizeof p->name || strspn(text, NAME_LETTERS) < n) {
        err_set(e, -EINVAL, "'%.70s' cannot be a name", text);
        err_hint(e, "letters, digits and . _ - up to %zu", sizeof p->name - 1);
        return -EINVAL;
    }
    if (find(reserved, text) >= 0) {
        err_set(e, -EINVAL, "'%s' cannot be a name: rules have a meaning for it", text);
        err_hint(e, "such as '%s-1'", text);
        return -EINVAL;
    }
    memcpy(p->name, text, n + 1);
    return 0;
}

/* Names are not looked up here: what a listener binds must be the same every time. */
int config_set_listen(struct config_node *n, const char *text, struct err *e)
{
    int rc = addr_parse(text, &n->listen, e);

    if (rc < 0)
        return rc;
    if (n->listen.kind == ADDR_NAME && strcmp(n->listen.host, "localhost") == 0) {
        n->listen.kind = ADDR_IP;
        snprintf(n->listen.host, sizeof n->listen.host, "127.0.0.1");
    }
    if (n->listen.kind == ADDR_IP)
        return 0;
    err_set(e, -EINVAL, "cannot listen on '%.80s': not an IP address", text);
    err_hint(e, "such as 127.0.0.1:16379");
    return -EINVAL;
}

int config_set_upstream(struct config_node *n, const char *text, struct err *e)
{
    int rc = addr_parse(text, &n->upstream, e);

    if (rc < 0)
        return rc;
    if (n->upstream.kind != ADDR_UNIX && n->upstream.port == 0)
        return err_set(e, -EINVAL, "upstream '%.80s': nobody answers on port 0", text);
    return 0;
}

static int refuse_word(const char *what, const char *text, const char *const *words,
                       struct err *e)
{
    err_set(e, -EINVAL, "%s cannot be '%.40s'", what, text);
    err_hint(e, "%s or %s", words[0], words[1]);
    return -EINVAL;
}

int config_set_kind(struct config_node *n, const char *text, struct err *e)
{
    int kind = find(kinds, text);

    if (kind < 0)
        return refuse_word("kind", text, kinds, e);
    n->kind = kind == 0 ? NODE_REDIS : NODE_SENTINEL;
    return 0;
}

int config_set_when_down(struct config *c, const char *text, struct err *e)
{
    int way = find(ways_down, text);

    if (way < 0)
        return refuse_word("when-down", text, ways_down, e);
    c->when_down = way == 0 ? WHEN_DOWN_RESET : WHEN_DOWN_REFUSE;
    return 0;
}

static const struct config_party *party_at(const struct config *c, size_t i)
{
    return i < c->nnodes ? &c->nodes[i].party : &c->clients[i - c->nnodes];
}

static const struct config_party *party_named(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->nnodes + c->nclients; i++)
        if (strcmp(party_at(c, i)->name, name) == 0)
            return party_at(c, i);
    return NULL;
}

static void next_name(const struct config *c, char *name, size_t size)
{
    size_t i = 1;

    do
        snprintf(name, size, "r%zu", i++);
    while (party_named(c, name));
}

int config_add_node(struct config *c, const char *name, const char *listen,
                    const char *upstream, struct err *e)
{
    char drawn[RULE_NAME_MAX];
    struct config_node *n;
    int rc;

    next_name(c, drawn, sizeof drawn);
    n = config_new_node(c, e);
    if (n == NULL)
        return -ENOMEM;
    rc = config_set_name(&n->party, name ? name : drawn, e);
    if (rc == 0)
        rc = config_set_listen(n, listen, e);
    if (rc == 0)
        rc = config_set_upstream(n, upstream, e);
    if (rc < 0)
        c->nnodes--;
    return rc;
}

int config_add_client(struct config *c, const char *name, struct err *e)
{
    struct config_party *p = config_new_client(c, e);
    int rc;

    if (p == NULL)
        return -ENOMEM;
    rc = config_set_name(p, name, e);
    if (rc < 0)
        c->nclients--;
    return rc;
}

/* Letters, digits, hyphens and dots, and something that no address has. */
static bool is_host(const char *s)
{
    size_t n = strspn(s,
                      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.");

    return s[0] != '.' && s[0] != '-' && s[n] == '\0' && n < ADDR_HOST_MAX &&
           strspn(s, "0123456789.") != n;
}

static int add_text(char ***list, size_t *n, const char *text, struct err *e)
{
    char **more = grown(*list, *n, sizeof *more, e);

    if (more == NULL)
        return -ENOMEM;
    *list = more;
    if ((more[*n] = strdup(text)) == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    ++*n;
    return 0;
}

int config_add_source(struct config_party *p, const char *range, struct err *e)
{
    struct addr_range r, *more;
    int rc;

    if (is_host(range))
        return add_text(&p->hosts, &p->nhosts, range, e);
    if ((rc = addr_range_parse(range, &r, e)) < 0)
        return rc;
    more = grown(p->sources, p->nsources, sizeof *more, e);
    if (more == NULL)
        return -ENOMEM;
    p->sources = more;
    p->sources[p->nsources++] = r;
    return 0;
}

int config_add_announced(struct config_party *p, const char *address, struct err *e)
{
    char text[ADDR_TEXT_MAX];
    struct addr a;
    int rc = addr_parse(address, &a, e);

    if (rc < 0)
        return rc;
    if (a.kind == ADDR_UNIX || a.port == 0)
        return err_set(e, -EINVAL, "nobody announces '%.80s': it takes a port", address);
    return add_text(&p->said, &p->nsaid, addr_print(&a, text, sizeof text), e);
}

int config_add_client_name(struct config_party *p, const char *glob, struct err *e)
{
    if (*glob && strpbrk(glob, " ,\n") == NULL)
        return add_text(&p->said, &p->nsaid, glob, e);
    err_set(e, -EINVAL, "'%.60s' cannot be a client name", glob);
    err_hint(e, "as in CLIENT SETNAME: without spaces; * and ? stand for others");
    return -EINVAL;
}

int config_add_rule(struct config *c, const char *sentence, struct err *e)
{
    struct config_place *places;
    struct rule *r, **rules;
    int rc = rule_parse(sentence, &r, e);

    if (rc < 0)
        return rc;
    rules = grown(c->rules, c->nrules, sizeof(struct rule *), e);
    if (rules)
        c->rules = rules;
    places = grown(c->rule_places, c->nrules, sizeof *places, e);
    if (places)
        c->rule_places = places;
    if (rules == NULL || places == NULL) {
        rule_unref(&r);
        return -ENOMEM;
    }
    c->rules[c->nrules++] = r;
    return 0;
}

/* the whole */

static int at(struct config_place place, struct err *e)
{
    err_place(e, place.line, place.column);
    return -EINVAL;
}

static int check_names(const struct config *c, struct err *e)
{
    for (size_t i = 0; i < c->nnodes + c->nclients; i++) {
        const struct config_party *p = party_at(c, i);

        if (party_named(c, p->name) == p)
            continue;
        err_set(e, -EINVAL, "two nodes or clients are named '%s'", p->name);
        return at(p->place, e);
    }
    return 0;
}

static bool same_address(const struct addr *a, const struct addr *b)
{
    struct sockaddr_storage sa, sb;
    socklen_t na = addr_sockaddr(a, &sa), nb = addr_sockaddr(b, &sb);

    return a->port != 0 && na == nb && memcmp(&sa, &sb, na) == 0;
}

static int check_listeners(const struct config *c, struct err *e)
{
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < c->nnodes; i++)
        for (size_t j = 0; j < i; j++) {
            const struct config_node *a = &c->nodes[i], *b = &c->nodes[j];

            if (!same_address(&a->listen, &b->listen))
                continue;
            err_set(e, -EINVAL, "'%s' listens on %s, and so does '%s'", a->party.name,
                    addr_print(&a->listen, text, sizeof text), b->party.name);
            err_hint(e, "each node needs an address or a port of its own");
            return at(a->party.place, e);
        }
    return 0;
}

static bool has_range(const struct config_party *p, const struct addr_range *r)
{
    for (size_t i = 0; i < p->nsources; i++)
        if (p->sources[i].family == r->family && p->sources[i].bits == r->bits &&
            memcmp(p->sources[i].bytes, r->bytes, sizeof r->bytes) == 0)
            return true;
    return false;
}

static bool has_host(const struct config_party *p, const char *host)
{
    for (size_t i = 0; i < p->nhosts; i++)
        if (strcasecmp(p->hosts[i], host) == 0)
            return true;
    return false;
}

static bool in_common(const struct config_party *a, const struct config_party *b)
{
    for (size_t i = 0; i < a->nsources; i++)
        if (has_range(b, &a->sources[i]))
            return true;
    for (size_t i = 0; i < a->nhosts; i++)
        if (has_host(b, a->hosts[i]))
            return true;
    return false;
}

static bool is_sentinel(const struct config *c, size_t i)
{
    return i < c->nnodes && c->nodes[i].kind == NODE_SENTINEL;
}

/* May they share a source? A Sentinel says at once that it is one; of two others from
 * one address nobody could tell which is which. */
static bool tells_apart(const struct config *c, size_t i, size_t j)
{
    return i < c->nnodes && j < c->nnodes && is_sentinel(c, i) != is_sentinel(c, j);
}

/* Ranges may lie inside each other: the narrowest says whose an address is. Only the
 * same range twice has no answer. */
static int check_sources(const struct config *c, struct err *e)
{
    for (size_t i = 0; i < c->nnodes + c->nclients; i++)
        for (size_t j = 0; j < i; j++) {
            const struct config_party *a = party_at(c, i), *b = party_at(c, j);

            if (tells_apart(c, i, j) || !in_common(a, b))
                continue;
            err_set(e, -EINVAL, "'%s' and '%s' have a source in common", b->name,
                    a->name);
            err_hint(e, "only a Redis node and a Sentinel may share one");
            return at(a->place, e);
        }
    return 0;
}

/* Walk a comma list: the next item into `one`, which has RULE_NAME_MAX bytes. */
static bool next_item(const char **list, char *one)
{
    size_t n = strcspn(*list, ",");

    if (**list == '\0')
        return false;
    memcpy(one, *list, n);
    one[n] = '\0';
    *list += n + ((*list)[n] == ',');
    return true;
}

static bool is_glob(const char *name)
{
    return strpbrk(name, "*?[") != NULL;
}

/* Everybody whom a rule may name: the parties, then the words that stand for some. */
static const char **all_names(const struct config *c)
{
    size_t n = c->nnodes + c->nclients;
    const char **names = calloc(n + sizeof somebody / sizeof *somebody, sizeof *names);

    for (size_t i = 0; names && i < n; i++)
        names[i] = party_at(c, i)->name;
    if (names)
        memcpy(names + n, somebody, sizeof somebody);
    return names;
}

static int refuse_nobody(const struct config *c, const char *name, struct err *e)
{
    const char **names = all_names(c), *near;
    char all[ERR_MAX] = "";

    if (names == NULL)
        return err_set(e, -ENOMEM, "out of memory");
    near = err_nearest(name, names);
    for (size_t i = 0, n = 0; names[i] && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, " %s", names[i]);
    err_set(e, -EINVAL, "a rule names '%s', but there is no such node or client", name);
    if (near)
        err_hint(e, "did you mean '%s'?", near);
    else
        err_hint(e, "there is%s", all);
    free(names);
    return -EINVAL;
}

static int check_who(const struct config *c, const char *list, struct err *e)
{
    char one[RULE_NAME_MAX];

    while (next_item(&list, one))
        if (!is_glob(one) && find(somebody, one) < 0 && !party_named(c, one))
            return refuse_nobody(c, one, e);
    return 0;
}

static bool is_client(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->nclients; i++)
        if (strcmp(c->clients[i].name, name) == 0)
            return true;
    return strcmp(name, "client") == 0;
}

static bool only_clients(const struct config *c, const char *list)
{
    char one[RULE_NAME_MAX];

    while (next_item(&list, one))
        if (!is_client(c, one))
            return false;
    return true;
}

/* A link goes from who dials to who is dialed, and nobody dials a client. */
static int check_direction(const struct config *c, const struct rule *r, struct err *e)
{
    if (!only_clients(c, r->to) || (r->both_ways && !only_clients(c, r->from)))
        return 0;
    err_set(e, -EINVAL, "a rule on %s %s %s never acts: nobody dials a client", r->from,
            r->both_ways ? "<->" : "->", r->to);
    err_hint(e, "the dialer comes first; what it is sent is its lane 'replies'");
    return -EINVAL;
}

static bool named_before(const struct config *c, size_t i)
{
    for (size_t j = 0; c->rules[i]->name[0] && j < i; j++)
        if (strcmp(c->rules[j]->name, c->rules[i]->name) == 0)
            return true;
    return false;
}

static int check_rule(const struct config *c, size_t i, struct err *e)
{
    const struct rule *r = c->rules[i];

    if (check_who(c, r->from, e) < 0 || check_who(c, r->to, e) < 0 ||
        check_direction(c, r, e) < 0)
        return -EINVAL;
    if (named_before(c, i))
        return err_set(e, -EINVAL, "two rules are named '%s'", r->name);
    return 0;
}

static int check_limits(const struct config *c, struct err *e)
{
    if (c->lane_limit < LANE_LEAST)
        return err_set(e, -EINVAL, "the limit of a lane is less than 64kb");
    if (c->total_limit < c->lane_limit)
        return err_set(e, -EINVAL, "the total limit is less than that of a lane");
    if (c->session_limit == 0)
        return err_set(e, -EINVAL, "the limit of sessions is 0");
    return 0;
}

int config_check(const struct config *c, struct err *e)
{
    if (c->nnodes == 0) {
        err_set(e, -EINVAL, "no nodes");
        err_hint(e, "a node has a name, an address to listen on and an upstream");
        return -EINVAL;
    }
    if (check_names(c, e) < 0 || check_listeners(c, e) < 0 || check_sources(c, e) < 0 ||
        check_limits(c, e) < 0)
        return -EINVAL;
    for (size_t i = 0; i < c->nrules; i++)
        if (check_rule(c, i, e) < 0)
            return at(c->rule_places[i], e);
    return 0;
}
