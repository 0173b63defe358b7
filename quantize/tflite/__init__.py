"""TFLite files of either kind of model: conversion, verification, the Edge TPU, runtimes and signatures."""
