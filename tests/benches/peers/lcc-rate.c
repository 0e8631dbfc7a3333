/* How fast libcollectdclient decodes packets: the same arguments, rounds and line of figures as decode-rate.
 *
 *     lcc-rate FILE.pcap SECONDS [USER=PASSWORD]...
 *
 * Reads classic pcap files of Ethernet frames in this machine's byte order, without fragments. The library copies names into
 * arrays; looking for the end of each would be ours, so only its first octet is looked at, which is to the library's favour. */

#define _GNU_SOURCE
#include <collectd/lcc_features.h>
#include <collectd/network_parse.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PORT 25826

struct packets {
  uint8_t *octets;
  size_t octets_len;
  size_t *lengths;
  size_t len;
};

static struct {
  uint64_t value_lists, values, errors, sum;
} counts;

static char **passwords;

static void fail(char const *what, char const *why) {
  fprintf(stderr, "lcc-rate: %s: %s\n", what, why);
  exit(EXIT_FAILURE);
}

static int count(lcc_value_list_t const *list) {
  lcc_identifier_t const *names = &list->identifier;
  counts.value_lists++;
  for (size_t i = 0; i < list->values_len; i++)
    counts.sum += list->values[i].counter;
  counts.values += list->values_len;
  counts.sum += (uint8_t)names->host[0] + (uint8_t)names->plugin[0] + (uint8_t)names->plugin_instance[0] +
                (uint8_t)names->type[0] + (uint8_t)names->type_instance[0];
  return 0;
}

static char const *password(char const *user) {
  size_t length = strlen(user);
  for (char **word = passwords; *word != NULL; word++)
    if (strncmp(*word, user, length) == 0 && (*word)[length] == '=')
      return *word + length + 1;
  return NULL;
}

/* Only this function is measured. */
__attribute__((noinline, externally_visible)) void decode_packet(uint8_t *octets, size_t length) {
  lcc_network_parse_options_t options = {
      .writer = count,
      .password_lookup = *passwords != NULL ? password : NULL,
      .security_level = NONE,
  };
  if (lcc_network_parse(octets, length, options) != 0)
    counts.errors++;
}

static uint16_t be16(uint8_t const *octets) { return (uint16_t)(octets[0] << 8 | octets[1]); }

/* The UDP payload of an Ethernet frame to the port; NULL if it is something else. */
static uint8_t const *payload(uint8_t const *frame, size_t length, size_t *payload_length) {
  if (length < 14)
    return NULL;
  uint16_t type = be16(frame + 12);
  uint8_t const *ip = frame + 14, *udp;
  length -= 14;
  if (type == 0x0800 && length >= 20 && ip[9] == 17 && (be16(ip + 6) & 0x3fff) == 0)
    udp = ip + 4 * (ip[0] & 15);
  else if (type == 0x86dd && length >= 40 && ip[6] == 17)
    udp = ip + 40;
  else
    return NULL;
  size_t before = (size_t)(udp - ip);
  if (before + 8 > length || be16(udp + 2) != PORT || be16(udp + 4) < 8 || before + be16(udp + 4) > length)
    return NULL;
  *payload_length = be16(udp + 4) - 8u;
  return udp + 8;
}

static struct packets read_capture(char const *path) {
  struct packets packets = {0};
  struct {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, precision, snapped, link;
  } head;
  struct {
    uint32_t seconds, fraction, length, original_length;
  } record;
  static uint8_t frame[1 << 18];

  FILE *file = fopen(path, "rb");
  if (file == NULL)
    fail(path, strerror(errno));
  if (fread(&head, sizeof head, 1, file) != 1 || (head.magic != 0xa1b2c3d4 && head.magic != 0xa1b23c4d) || head.link != 1)
    fail(path, "not a pcap file of Ethernet frames in this machine's byte order");
  while (fread(&record, sizeof record, 1, file) == 1) {
    if (record.length > sizeof frame || fread(frame, 1, record.length, file) != record.length)
      fail(path, "cut or damaged");
    size_t length;
    uint8_t const *octets = payload(frame, record.length, &length);
    if (octets == NULL)
      continue;
    packets.octets = realloc(packets.octets, packets.octets_len + length);
    packets.lengths = realloc(packets.lengths, (packets.len + 1) * sizeof *packets.lengths);
    if (packets.octets == NULL || packets.lengths == NULL)
      fail(path, "out of memory");
    memcpy(packets.octets + packets.octets_len, octets, length);
    packets.octets_len += length;
    packets.lengths[packets.len++] = length;
  }
  fclose(file);
  return packets;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int compare(void const *left, void const *right) {
  uint64_t a = *(uint64_t const *)left, b = *(uint64_t const *)right;
  return (a > b) - (a < b);
}

int main(int argc, char **argv) {
  if (argc < 3)
    fail("usage", "lcc-rate FILE.pcap SECONDS [USER=PASSWORD]...");
  passwords = argv + 3;
  struct packets packets = read_capture(argv[1]);
  uint8_t *pool = malloc(packets.octets_len + 1);
  uint64_t *times = NULL;
  size_t rounds = 0;
  uint64_t patience = (uint64_t)(strtod(argv[2], NULL) * 1e9);

  /* The library talks on both; what we have to say goes where stdout was. */
  FILE *out = fdopen(dup(STDOUT_FILENO), "w");
  if (pool == NULL || out == NULL || freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL)
    return EXIT_FAILURE;

  uint64_t begin = now();
  do {
    if ((rounds & (rounds - 1)) == 0 && (times = realloc(times, (2 * rounds + 1) * sizeof *times)) == NULL)
      return EXIT_FAILURE;
    memcpy(pool, packets.octets, packets.octets_len);
    memset(&counts, 0, sizeof counts);
    uint8_t *packet = pool;
    uint64_t start = now();
    for (size_t i = 0; i < packets.len; packet += packets.lengths[i++])
      decode_packet(packet, packets.lengths[i]);
    times[rounds++] = now() - start;
  } while (now() - begin < patience);

  qsort(times, rounds, sizeof *times, compare);
  char *name = basename(argv[1]), *dot = strrchr(name, '.');
  if (dot != NULL)
    *dot = '\0';
  fprintf(out, "libcollectdclient\t%s\t%zu\t%llu\t%llu\t0\t%llu\t%zu\t%zu\t%llu\t%llu\n", name, packets.len,
          (unsigned long long)counts.value_lists, (unsigned long long)counts.values, (unsigned long long)counts.errors,
          packets.octets_len, rounds, (unsigned long long)times[0], (unsigned long long)times[rounds / 2]);
  return fclose(out) == 0 && counts.sum != 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
