"""TFLite files of either kind of model: conversion, verification, inference in every runtime, the Edge TPU."""
