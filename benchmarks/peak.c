// The most int8 multiply-adds that one core of this x86-64 processor does in a second, by its widest instructions, with
// twelve independent sums so that none waits for another. Writes millions of multiply-adds a second.
#include <immintrin.h>
#include <stdio.h>
#include <time.h>

enum { SUMS = 12, ROUNDS = 20000000 };

__attribute__((target("avx512f,avx512vnni"))) static double dot_products(void) {
    __m512i sums[SUMS] = {0}, a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
    for (int round = 0; round < ROUNDS; round++)
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++) {
            sums[i] = _mm512_dpbusd_epi32(sums[i], a, b);
            __asm__ volatile("" : "+v"(sums[i]));
        }
    return 64.0 * SUMS * ROUNDS;
}

__attribute__((target("avx2"))) static double wide_products(void) {
    __m256i sums[SUMS] = {0}, a = _mm256_set1_epi16(3), b = _mm256_set1_epi16(5);
    for (int round = 0; round < ROUNDS; round++)
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++) {
            sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(a, b));
            __asm__ volatile("" : "+x"(sums[i]));
        }
    return 16.0 * SUMS * ROUNDS;
}

int main(void) {
    double best = 0;
    for (int attempt = 0; attempt < 3; attempt++) {
        clock_t begun = clock();
        double done = __builtin_cpu_supports("avx512vnni") ? dot_products() : wide_products();
        double rate = done / ((double)(clock() - begun) / CLOCKS_PER_SEC);
        best = rate > best ? rate : best;
    }
    printf("%.0f\n", best / 1e6);
    return 0;
}
